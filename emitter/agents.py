"""Agents that answer people: the small interface, and the place where they run.

Agents run as tasks on an event loop of their own, on a thread of their own, so that one that computes or blocks never
stops a socket; and they run so under any server.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Protocol

from django.utils.module_loading import import_string
from uuid_utils.compat import uuid7

from emitter import blocking, log
from emitter.conf import conf
from emitter.context import RunContext, check_id
from emitter.errors import EmitterError, EmitterOverloaded, NotAllowed
from emitter.events import AgentCompleted
from emitter.loops import OwnLoop
from emitter.models import Run, RunState
from emitter.policy import access
from emitter.policy.identity import Identity
from emitter.service import AsyncRun, emitter

logger = logging.getLogger("emitter")

#: Characters of the longest question.
QUESTION_LENGTH = 20_000
#: Runs that one process works on at a time.
RUNS = 200
#: Seconds that a cancelled agent has to end its run by itself.
CANCEL_SECONDS = 2.0


class Agent(Protocol):
    """What answers a person. ``EMITTER["AGENT"]`` is the dotted path of a class that has this method."""

    async def answer(self, question: str, run: AsyncRun) -> Any:
        """Works on the question, telling ``run`` what it does; returns the result (a text is shown as the answer).

        ``run.context.user_id`` is the key of the user who asks. When the person presses stop the task is cancelled.
        """


class Restarting(Exception):
    """The process that worked on a run stops."""


class _Work:
    """One run that this process works on. The futures belong to no loop, so anybody may wait for them."""

    def __init__(self) -> None:
        self.started: Future[None] = Future()
        self.ended: Future[None] = Future()
        self.task: asyncio.Task[None] | None = None
        self.restarting = False

    def cancel(self) -> None:
        """Cancels the agent's task, on the agents' loop."""
        if self.task is not None:
            self.task.cancel()


_working: dict[str, _Work] = {}
_loop = OwnLoop("emitter-agents")


def check_question(text: object) -> str:
    """The question that a text is, without the space around it. Raises ``bad_request``."""
    if not isinstance(text, str) or not text.strip() or len(text) > QUESTION_LENGTH:
        raise EmitterError("bad_request", f"The question is a text of 1 to {QUESTION_LENGTH:,} characters.")
    return text.strip()


async def start(key: str, question: str, thread: str | None = None) -> RunContext:
    """Sets the configured agent to work for a user. Returns when the run has started.

    Raises ``agent_unavailable``, ``bad_id``, ``emitter_overloaded`` and what an emit raises.
    """
    agent = _agent()
    if len(_working) >= RUNS:
        raise EmitterOverloaded(f"{RUNS} runs are being worked on in this process; try again when some have ended.")
    run_id = f"run-{uuid7()}"
    context = RunContext(
        user_id=key,
        thread_id=f"thread-{uuid7()}" if thread is None else check_id("thread_id", thread),
        run_id=run_id,
        agent_name=type(agent).__name__,
    )
    work = _working[run_id] = _Work()
    # A context of its own: what the request has bound (its waiting thread, say) ends with the request.
    contextvars.Context().run(asyncio.run_coroutine_threadsafe, _answer(agent, context, question, work), _loop.get())
    await _done(work.started)
    return context


async def astop() -> None:
    """Ends the runs that this process works on, because it stops: each with ``agent_error``, type ``Restarting``."""
    at_work = list(_working.values())
    for work in at_work:
        work.restarting = True
        _loop.get().call_soon_threadsafe(work.cancel)
    await asyncio.gather(*(_done(work.ended) for work in at_work))


async def acancel(run: str, who: Identity) -> Run:
    """Stops a run for its owner or for staff; it ends with ``agent_completed``, status ``cancelled``.

    The agent's task is cancelled if it works in this process; a producer elsewhere learns it at its next event. Raises
    ``not_found``.
    """
    row = await blocking.run(_cancellable, run, who)
    work = _working.get(run)
    if work is not None:
        _loop.get().call_soon_threadsafe(work.cancel)
        with suppress(TimeoutError):
            await asyncio.wait_for(_done(work.ended), CANCEL_SECONDS)
    row = await blocking.run(_owned_run, run, row.stream)
    if row.state == RunState.RUNNING:
        context = RunContext(user_id=row.stream, thread_id=row.thread, run_id=row.id, agent_name=row.agent)
        await emitter.aemit(context, AgentCompleted(status="cancelled"))
        row = await blocking.run(_owned_run, run, row.stream)
    return row


def visible_run(run: str, who: Identity) -> Run:
    """The run, for its owner, and for staff who may view events; that is recorded. Raises ``not_found`` otherwise."""
    row = log.run_of(run)
    if row is None or (row.stream != who.key and not who.may_view):
        raise _no_run()
    if row.stream != who.key:
        access.record(who, "run", row.stream, f"run {run}")
    return row


def _cancellable(run: str, who: Identity) -> Run:
    """The run, for its owner and for staff. That staff did it is recorded."""
    row = log.run_of(run)
    if row is None or (row.stream != who.key and not who.is_staff):
        raise _no_run()
    if row.stream != who.key:
        access.record(who, "cancel", row.stream, f"run {run}")
    return row


def _owned_run(run: str, key: str) -> Run:
    """The run as it stands now; it belongs to its user for ever, unless that one is erased."""
    row = log.run_of(run)
    if row is None or row.stream != key:
        raise _no_run()
    return row


def _no_run() -> NotAllowed:
    return NotAllowed("not_found", "There is no such run of yours.")


async def _done(future: Future[None]) -> None:
    """Waits for a future of the agents' loop; whoever gives up waiting does not cancel it."""
    await asyncio.shield(asyncio.wrap_future(future))


async def _answer(agent: Agent, context: RunContext, question: str, work: _Work) -> None:
    work.task = asyncio.current_task()
    try:
        async with emitter.arun(context, message=question) as run:
            work.started.set_result(None)
            answer = await _unless_restarting(work, agent.answer(question, run))
            run.result = {"answer": answer} if isinstance(answer, str) else answer
    except Exception as error:
        code = error.code if isinstance(error, EmitterError) else "agent_error"
        logger.error("%s: run %s failed: %s", code, context.run_id, type(error).__name__, exc_info=error)
        if not work.started.done():
            work.started.set_exception(error)
    finally:
        del _working[context.run_id]
        if not work.started.done():
            work.started.cancel()
        work.ended.set_result(None)


async def _unless_restarting(work: _Work, answer: Coroutine[Any, Any, Any]) -> Any:
    """The answer; a cancel that comes from a restart is told as what it is, not as the person's wish."""
    try:
        return await answer
    except asyncio.CancelledError:
        if work.restarting:
            raise Restarting("The server restarts, and the run with it. Ask again.") from None
        raise


def _agent() -> Agent:
    try:
        agent: Agent = import_string(conf.agent)()
    except Exception as error:
        logger.error("agent_unavailable: %s", error)
        raise EmitterError(
            "agent_unavailable",
            f"The agent {conf.agent!r} cannot be loaded ({error}); set EMITTER['AGENT'] to the dotted path of a class "
            "with an async method answer(question, run).",
        ) from error
    return agent


os.register_at_fork(after_in_child=_working.clear)
