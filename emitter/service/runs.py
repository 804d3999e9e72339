"""Run handles: a run that starts, does its work and ends with the truth, whatever happens in between.

What a handle tells is :mod:`emitter.service.story`'s; this is how it is sent, synchronously and not.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import TracebackType
from typing import Any

from django.db import connections

from emitter import blocking, events
from emitter.conf import conf
from emitter.context import RunContext
from emitter.errors import EmitterError
from emitter.log.entry import Receipt
from emitter.log.leases import renew
from emitter.service.leases import keeper
from emitter.service.story import RunEnded, Story, ToolCall


class HeldTransactionWarning(UserWarning):
    """A run inside ``atomic()`` locks its user's stream until the transaction ends, and shows nothing before."""


class Run(Story, AbstractContextManager["Run"]):
    """A synchronous run: ``agent_started`` on entering; on leaving ``agent_completed``, or ``agent_error`` with the
    exception, which goes on. Raises :class:`RunEnded` at the next event after somebody else ended the run.
    """

    def __init__(self, emit: Callable[..., Receipt], context: RunContext, message: str | None) -> None:
        super().__init__(context, message)
        self._emit = emit

    def emit(self, event: events.Event) -> Receipt:
        """Stores one event of this run."""
        event, calls = self._laden(event)
        try:
            receipt = self._emit(self.context, event)
        except EmitterError as error:
            self._tally.put_back(calls)
            raise self._ended_before(error) from error.__cause__
        return self._seen(event, receipt, calls)

    def thinking(self, thought: str, step_number: int | None = None) -> Receipt:
        """Stores a thought; steps count by themselves."""
        return self.emit(self._thought(thought, step_number))

    def tool(self, name: str, parameters: Any = None) -> Tool:
        """``with run.tool("search", {"query": "…"}) as tool: tool.result = …``"""
        return Tool(self, name, parameters)

    def __enter__(self) -> Run:
        _warn_in_transaction("run")
        self.emit(self._started())
        renew([self.context.run_id])
        keeper.hold(self.context.run_id, self._ended_elsewhere)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        keeper.release(self.context.run_id)
        if final := self._ending(error):
            self._tell_despite(error, final)

    def _tell_despite(self, error: BaseException | None, event: events.Event) -> None:
        """Stores an event; if that fails while ``error`` is under way, ``error`` goes on and the failure is logged."""
        try:
            self.emit(event)
        except Exception as failure:
            if error is None and not self._is_over(failure, event):
                raise
            self._not_told(failure)


class Tool(ToolCall, AbstractContextManager["Tool"]):
    """A tool call of a synchronous run."""

    def __init__(self, run: Run, name: str, parameters: Any) -> None:
        super().__init__(name, parameters)
        self._run = run

    def __enter__(self) -> Tool:
        self._run.emit(self._executing())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if not isinstance(error, RunEnded):
            self._run._tell_despite(error, self._completed(error))


class AsyncRun(Story, AbstractAsyncContextManager["AsyncRun"]):
    """The async twin of :class:`Run`. A cancelled task ends its run with ``agent_completed``, status ``cancelled``."""

    def __init__(self, emit: Callable[..., Awaitable[Receipt]], context: RunContext, message: str | None) -> None:
        super().__init__(context, message)
        self._emit = emit

    async def emit(self, event: events.Event) -> Receipt:
        """Stores one event of this run."""
        event, calls = self._laden(event)
        try:
            receipt = await self._emit(self.context, event)
        except EmitterError as error:
            self._tally.put_back(calls)
            raise self._ended_before(error) from error.__cause__
        return self._seen(event, receipt, calls)

    async def thinking(self, thought: str, step_number: int | None = None) -> Receipt:
        """Stores a thought; steps count by themselves."""
        return await self.emit(self._thought(thought, step_number))

    def tool(self, name: str, parameters: Any = None) -> AsyncTool:
        """``async with run.tool("search", {"query": "…"}) as tool: tool.result = …``"""
        return AsyncTool(self, name, parameters)

    async def __aenter__(self) -> AsyncRun:
        if blocking.belongs_to_waiting_thread():  # Nowhere else can a transaction be open.
            await blocking.run(_warn_in_transaction, "arun")
        await self.emit(self._started())
        await blocking.run(renew, [self.context.run_id])
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def ended() -> None:
            self._ended_elsewhere()
            if task is not None and not loop.is_closed():
                loop.call_soon_threadsafe(task.cancel)

        keeper.hold(self.context.run_id, ended)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        keeper.release(self.context.run_id)
        if final := self._ending(error):
            await self._tell_despite(error, final)

    async def _tell_despite(self, error: BaseException | None, event: events.Event) -> None:
        """The async twin of :meth:`Run._tell_despite`."""
        try:
            await self.emit(event)
        except Exception as failure:
            if error is None and not self._is_over(failure, event):
                raise
            self._not_told(failure)


class AsyncTool(ToolCall, AbstractAsyncContextManager["AsyncTool"]):
    """A tool call of an async run."""

    def __init__(self, run: AsyncRun, name: str, parameters: Any) -> None:
        super().__init__(name, parameters)
        self._run = run

    async def __aenter__(self) -> AsyncTool:
        await self._run.emit(self._executing())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if not isinstance(error, RunEnded):
            await self._run._tell_despite(error, self._completed(error))


def _warn_in_transaction(name: str) -> None:
    connection = connections[conf.database]
    if not all(getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
        warnings.warn(
            f"emitter.{name}() was entered inside transaction.atomic(): its user's stream stays locked and nobody sees "
            "the run until that transaction ends. Open the run outside.",
            HeldTransactionWarning,
            stacklevel=3,
        )
