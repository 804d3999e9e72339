"""The server's one loop for what has to be done now and then. Of several processes one does each job at a time.

It runs on a thread of its own, started with the first request, and reaches the database only when a job is due. Whoever
prefers cron turns it off (``JOBS``) and calls ``manage.py reap_runs``, ``roll_up_usage`` and ``prune_events``.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from django.db import Error, IntegrityError, connections
from django.db.models import Q
from django.db.models.functions import Now

from emitter import blocking, log, treasurer
from emitter.conf import conf
from emitter.migration import upkeep as migration_upkeep
from emitter.models import Duty
from emitter.policy import access, refusals
from emitter.reaper import reap
from emitter.service import emitter, upkeep

logger = logging.getLogger("emitter")


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do every ``seconds``, by one process of all."""

    name: str
    seconds: float
    work: Callable[[], object]


#: Seconds between two looks for spools of processes that are gone and for refusals that could not be written; each
#: process does that for itself.
ADOPT_SECONDS = 5.0

JOBS = (
    Job("reap", 5, reap),
    Job("budgets", treasurer.SECONDS, treasurer.account),
    Job("prune", 3_600, lambda: access.prune() + sum(upkeep.prune(log.stream_keys()))),
    Job("refusals", 3_600, refusals.prune),
    Job("prune_migration", 3_600, migration_upkeep.prune),
)


class Loop:
    """One a process. ``holder`` tells processes apart."""

    def __init__(self) -> None:
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self.holder = uuid4().hex
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def ensure_started(self) -> None:
        """Starts the loop, once, unless ``JOBS`` is off."""
        with self._lock:
            if self._thread is None and conf.jobs:
                self._thread = threading.Thread(target=self._run, name="emitter-jobs", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Ends the loop after the job under way."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def do_due(self, due: dict[str, float], now: float) -> None:
        """Does the jobs that are due at ``now`` (monotonic seconds) and notes when they are due again."""
        if due.get("adopt", 0.0) <= now:
            due["adopt"] = now + ADOPT_SECONDS
            emitter.spool.adopt()
            refusals.keeper.write()
        for job in JOBS:
            if due.get(job.name, 0.0) > now:
                continue
            due[job.name] = now + job.seconds
            if take(job.name, self.holder, job.seconds):
                job.work()

    def _run(self) -> None:
        due: dict[str, float] = {}
        while not self._stopped.wait(1.0):
            try:
                blocking.on_own_connection(self.do_due, due, time.monotonic())
            except Error as error:
                logger.warning("database_unavailable: jobs wait (%s)", type(error).__name__)
            except Exception:
                logger.exception("job_failed: a job ended in an error and is tried again when it is due")
        connections.close_all()


def take(name: str, holder: str, seconds: float) -> bool:
    """Takes a duty until half its time is over, by the database's clock. False when another process has it."""
    duties = Duty.objects.using(conf.database)
    until = Now() + timedelta(seconds=seconds * 0.9)
    if duties.filter(Q(holder=holder) | Q(until__lt=Now()), name=name).update(holder=holder, until=until):
        return True
    if duties.filter(name=name).exists():
        return False
    try:
        duties.create(name=name, holder=holder, until=until)
    except IntegrityError:
        return False
    return True


loop = Loop()
