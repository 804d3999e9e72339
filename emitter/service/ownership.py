"""Whose a run is, asked by those who know no more than its id."""

from __future__ import annotations

from django.db import DatabaseError

from emitter import blocking, log
from emitter.context import RunContext
from emitter.errors import EmitterUnavailable, EventRefused


def context_of(run: str) -> RunContext:
    """The context of further events of a run. It never changes, so the answer may be kept.

    Raises ``unknown_run``, or ``database_unavailable``.
    """
    try:
        row = log.run_of(run)
    except DatabaseError as error:
        raise EmitterUnavailable("database_unavailable", f"Nobody can say whose run {run!r} is: {error}") from error
    if row is None:
        raise EventRefused(
            "unknown_run", f"Nothing was stored of run {run!r:.80}, so nobody knows whose it is: name its user."
        )
    return RunContext(user_id=row.stream, thread_id=row.thread, run_id=row.id, agent_name=row.agent)


async def acontext_of(run: str) -> RunContext:
    """The async twin of :func:`context_of`."""
    return await blocking.run(context_of, run)
