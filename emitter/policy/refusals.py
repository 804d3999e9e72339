"""Refusals: each is counted under its code, and kept as a row that the admin can show.

Counting is done at once; rows wait in a bounded queue and are written by a thread of ours in a transaction of its own,
so that a refusal is told although what it refused was rolled back, and costs its caller nothing. Of a flood of one code
so many rows a minute are kept, each saying how many were left out before it; the table keeps its newest rows only.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import NamedTuple

from django.db import connections, transaction
from django.utils import timezone

from emitter import blocking, metrics
from emitter.conf import conf
from emitter.errors import CODES, EmitterError
from emitter.models import KEY_LENGTH, Refusal
from emitter.policy.cleaning import Cleaner
from emitter.policy.rates import LocalRates
from emitter.texts import UNSAFE

logger = logging.getLogger("emitter")

#: By which way events come in here.
_way: ContextVar[str] = ContextVar("emitter_way", default="emitter")

#: Rows that may wait to be written.
QUEUE = 1_000
#: Rows of one code that a process writes at once, and in a minute.
BURST, A_MINUTE = 30, 30
DETAIL = 500
#: Characters of a text that may wait; it is cleaned before it is cut to what is kept.
WAITING = 2_000
#: Codes whose detail repeats what the database said, which may be the row.
_UNTOLD = frozenset({"database_error", "deadlock"})
_cleaner = Cleaner()


@contextmanager
def came_by(way: str) -> Iterator[None]:
    """What is refused inside came in by ``http``, ``client``, ``command`` or ``spool``; elsewhere it is ``emitter``."""
    token = _way.set(way)
    try:
        yield
    finally:
        _way.reset(token)


class About(NamedTuple):
    """What was refused, as far as it is known."""

    stream: str = ""
    run: str = ""
    type: str = ""
    agent: str = ""


def note(error: EmitterError, about: About | None = None) -> EmitterError:
    """Counts a refusal and keeps it, once, however many hands it goes through. Returns it."""
    if not error.noted:
        error.noted = True
        metrics.REFUSED.labels(code=error.code).inc()
        if conf.refusal_rows:
            keeper.keep(_row(error, about or About()))
    return error


def note_client(error: EmitterError, stream: str = "") -> EmitterError:
    """The same for what a client was refused at its socket or stream."""
    with came_by("client"):
        return note(error, About(stream))


def _row(error: EmitterError, about: About) -> Refusal:
    detail = CODES[error.code].meaning if error.code in _UNTOLD else error.detail
    told = {name: str(value)[:WAITING] for name, value in about._asdict().items()}
    return Refusal(at=timezone.now(), code=error.code, source=_way.get(), detail=detail[:WAITING], **told)


class Keeper:
    """The queue of one process."""

    def __init__(self) -> None:
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Refusal] = deque()
        self._left_out: Counter[str] = Counter()
        self._rates = LocalRates(lambda: time.monotonic())
        self._due = False

    def keep(self, row: Refusal) -> None:
        """Queues a row to be written soon. Never waits and never raises."""
        with self._lock:
            if len(self._waiting) >= QUEUE or self._rates.wait(row.code, 1, A_MINUTE / 60, BURST):
                self._left_out[row.code] += 1
                return
            row.left_out = self._left_out.pop(row.code, 0)
            self._waiting.append(row)
            if self._due:
                return
            self._due = True
        self._write_soon()

    def write(self) -> None:
        """Writes what waits. What the database does not take now waits on, and is tried again with the next one."""
        with self._lock:
            rows, self._due = list(self._waiting), False
            self._waiting.clear()
        if not rows:
            return
        try:
            _write(rows)
        except Exception as error:
            logger.warning("refusals_wait: %d rows could not be written (%s)", len(rows), type(error).__name__)
            with self._lock:
                self._waiting.extendleft(reversed(rows[: QUEUE - len(self._waiting)]))

    def _write_soon(self) -> None:
        try:
            if blocking.is_in_memory() or _is_in_testcase():
                self.write()
            else:
                blocking.pool("refusals", 1).submit(self._write_on_own_connection)
        except RuntimeError:  # The process ends.
            logger.warning("refusals_wait: the process ends before its last refusals are written")

    def _write_on_own_connection(self) -> None:
        try:
            self.write()
        finally:
            connections.close_all()


def _is_in_testcase() -> bool:
    """Whether this thread is in the transaction of a Django ``TestCase``: then a row is to vanish with it."""
    blocks = connections[conf.database].atomic_blocks
    return bool(blocks) and getattr(blocks[0], "_from_testcase", False)


def _write(rows: list[Refusal]) -> None:
    for row in rows:
        row.detail = _told(row.detail, DETAIL, error=True)
        for name in About._fields:
            setattr(row, name, _told(getattr(row, name), KEY_LENGTH))
    with transaction.atomic(using=conf.database):
        Refusal.objects.using(conf.database).bulk_create(rows)
        newest = Refusal.objects.using(conf.database).order_by("-pk").values_list("pk", flat=True).first()
        Refusal.objects.using(conf.database).filter(pk__lte=(newest or 0) - conf.refusal_rows).delete()


def _told(text: str, length: int, *, error: bool = False) -> str:
    """A text as it may be kept, whoever wrote it."""
    return _cleaner.text(UNSAFE.sub("�", text), error=error)[:length]


def prune() -> int:
    """Deletes what is older than the retention. Returns how many."""
    before = timezone.now() - timedelta(days=conf.retention_days)
    return Refusal.objects.using(conf.database).filter(at__lt=before).delete()[0]


keeper = Keeper()
