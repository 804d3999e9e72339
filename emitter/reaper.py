"""Ends orphan runs: whoever waits for one is told the truth instead of waiting for ever."""

from __future__ import annotations

import logging

from emitter import metrics
from emitter.context import RunContext
from emitter.errors import EmitterError
from emitter.events import AgentDeath
from emitter.log.leases import orphans
from emitter.service import emitter

logger = logging.getLogger("emitter")

_MESSAGE = "The worker of this run is gone, so it will not go on. Ask again."


def reap() -> list[str]:
    """Ends each run whose producer is gone with ``agent_death``, cause ``worker_lost``. Returns the runs' ids."""
    reaped = []
    for run in orphans():
        context = RunContext(user_id=run.stream, thread_id=run.thread, run_id=run.id, agent_name=run.agent)
        try:
            emitter.emit(context, AgentDeath(death_cause="worker_lost", message=_MESSAGE))
        except EmitterError as error:
            logger.error("%s: run %s could not be reaped", error.code, run.id)
            continue
        metrics.REAPED.inc()
        logger.error("worker_lost: run %s was reaped", run.id)
        reaped.append(run.id)
    return reaped
