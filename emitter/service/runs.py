"""Run handles: a run that starts, does its work and ends with the truth, whatever happens in between."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
import warnings
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import replace
from types import TracebackType
from typing import Any
from uuid import uuid4

from django.db import connections

from emitter import blocking, events
from emitter.conf import conf
from emitter.context import RunContext
from emitter.errors import EmitterError
from emitter.events import Usage
from emitter.log.entry import Receipt
from emitter.log.leases import renew
from emitter.metering.usage import reported_by
from emitter.service.leases import keeper
from emitter.service.tally import Tally, told

logger = logging.getLogger("emitter")


class RunEnded(EmitterError):
    """The run was ended by somebody else, a cancel for one: the producer must stop."""

    def __init__(self, run: str) -> None:
        super().__init__("run_ended", f"Run {run!r} has ended; stop working on it.")


class HeldTransactionWarning(UserWarning):
    """A run inside ``atomic()`` locks its user's stream until the transaction ends, and shows nothing before."""


class _Story:
    """What a run has to tell: makes the events, knows nothing of how they are sent."""

    def __init__(self, context: RunContext, message: str | None) -> None:
        self.context = context
        #: What the run leads to; goes into ``agent_completed``.
        self.result: Any = None
        self._message = message
        self._tally = Tally()
        self._steps = 0
        self._began = time.monotonic()
        self._ended = False

    def usage(self, model: str, input_tokens: int = 0, output_tokens: int = 0) -> None:
        """Adds the tokens of one model call to the run; its next event tells of them. Raises ``bad_field``."""
        self._tally.add(Usage(model, input_tokens, output_tokens))

    def _started(self) -> events.AgentStarted:
        self._began = time.monotonic()
        return events.AgentStarted(self._message)

    def _thought(self, thought: str, step_number: int | None) -> events.AgentThinking:
        self._steps = step_number if step_number is not None else self._steps + 1
        return events.AgentThinking(thought, self._steps)

    def _completed(self, status: str) -> events.AgentCompleted:
        return events.AgentCompleted(result=self.result, status=status, execution_time_ms=_since(self._began))

    def _laden(self, event: events.Event) -> tuple[events.Event, list[Usage]]:
        """The event with the usage that no event has told yet, and what that is. An event's own usage stays."""
        if not isinstance(event, events.KnownEvent):
            if isinstance(event, events.Custom):
                self._note(event)
            return event, []
        if event.usage is not None:
            self._note(event)
            return event, []
        calls = self._tally.take()
        usage = self._tally.summary(calls) if event.type in events.FINAL else told(calls) if calls else None
        return (replace(event, usage=usage) if usage else event), calls  # type: ignore[type-var]

    def _note(self, event: events.Event) -> None:
        reported = reported_by(event.type, event.payload())
        if reported is not None and reported.total:
            self._tally.take()  # They are in the total.
        elif reported is not None:
            self._tally.note(reported.calls)

    def _ending(self, error: BaseException | None) -> events.Event | None:
        """The final event that tells the truth; of a run that somebody else has ended, what it took since."""
        if self._ended or isinstance(error, RunEnded):
            calls = self._tally.take()
            return events.Custom("usage_reported", {"usage": told(calls)}) if calls else None
        if error is None:
            return self._completed("completed")
        if isinstance(error, asyncio.CancelledError):
            return self._completed("cancelled")
        text = str(error) or traceback.format_exception_only(error)[-1].strip()
        return events.AgentError(error_message=text, error_type=type(error).__name__, recoverable=False)

    def _ended_elsewhere(self) -> None:
        self._ended = True

    def _seen(self, event: events.Event, receipt: Receipt, calls: list[Usage]) -> Receipt:
        """Notes that the run has ended. Raises :class:`RunEnded` when it was somebody else who ended it."""
        if receipt.dropped is not None:
            self._tally.put_back(calls)
        if receipt.after_end and not receipt.duplicate:
            self._ended = True
            raise RunEnded(self.context.run_id)
        self._ended = self._ended or event.type in events.FINAL
        return receipt

    def _ended_before(self, refusal: EmitterError) -> EmitterError:
        """Where an event after the end is refused and not stored, the producer learns it all the same."""
        if refusal.code != "run_ended":
            return refusal
        self._ended = True
        return RunEnded(self.context.run_id)

    def _is_over(self, failure: Exception, event: events.Event) -> bool:
        """Whether the event came after another's ending: then there is nothing left to stop."""
        return event.type == "usage_reported" or (isinstance(failure, RunEnded) and event.type in events.FINAL)

    def _not_told(self, failure: Exception) -> None:
        if not isinstance(failure, RunEnded):
            code = failure.code if isinstance(failure, EmitterError) else type(failure).__name__
            logger.error("%s: run %s could not tell how it went on", code, self.context.run_id)


class _ToolCall:
    """One call of a tool. Set ``result`` inside the block."""

    def __init__(self, name: str, parameters: Any) -> None:
        self.name = name
        self.result: Any = None
        self._parameters = parameters
        self._call_id = uuid4().hex
        self._began = time.monotonic()

    def _executing(self) -> events.ToolExecuting:
        self._began = time.monotonic()
        return events.ToolExecuting(self.name, self._parameters, self._call_id)

    def _completed(self, error: BaseException | None) -> events.ToolCompleted:
        failure = None if error is None else str(error) or type(error).__name__
        return events.ToolCompleted(self.name, self.result, failure, _since(self._began), self._call_id)


class Run(_Story, AbstractContextManager["Run"]):
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


class Tool(_ToolCall, AbstractContextManager["Tool"]):
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


class AsyncRun(_Story, AbstractAsyncContextManager["AsyncRun"]):
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


class AsyncTool(_ToolCall, AbstractAsyncContextManager["AsyncTool"]):
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


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 1)
