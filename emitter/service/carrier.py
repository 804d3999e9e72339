"""Carries batches of turns to the log, or to the spool while the database is away, and tells their callers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence

from django.db import DatabaseError, connections

from emitter import metrics
from emitter.conf import conf
from emitter.errors import EmitterError, TransactionError
from emitter.log.append import Appended, dialect
from emitter.log.entry import Outcome, Unit
from emitter.service.queue import TurnQueue
from emitter.service.spooler import Spooler
from emitter.service.turn import Turn

logger = logging.getLogger("emitter")


class Carrier:
    """``commit`` stores a batch in one transaction; ``announce`` tells who listens; ``spool`` is where the rest goes.

    ``failing`` says that the last commit found the database away.
    """

    def __init__(
        self,
        queue: TurnQueue,
        commit: Callable[[Sequence[Unit]], Appended],
        announce: Callable[[Appended], None],
        spool: Spooler,
    ) -> None:
        self._queue = queue
        self._commit = commit
        self._announce = announce
        self._spool = spool
        self.failing = False

    def store(self, batch: list[Turn]) -> None:
        """One commit."""
        places = [(turn, place, unit) for turn in batch for place, unit in turn.open_units()]
        try:
            appended = self._commit([unit for _, _, unit in places])
        except DatabaseError as error:
            self._failed(batch, error)
        except Exception as error:
            self.end(batch, error)
        else:
            self.failing = False
            self._announce(appended)
            self._land(batch, places, appended.outcomes)

    def spool(self, turns: list[Turn]) -> None:
        """Spools turns in their order. When that fails too, their callers get the exception."""
        places = [(turn, place, unit) for turn in turns for place, unit in turn.open_units()]
        try:
            outcomes = self._spool.put([unit for _, _, unit in places])
        except Exception as error:
            self.end(turns, error)
        else:
            self._land(turns, places, outcomes)

    def end(self, turns: list[Turn], error: Exception) -> None:
        """Ends turns with an error, which goes to the log unless it is one of ours."""
        if not isinstance(error, EmitterError):
            ids = [f"{entry.run} {entry.event_id}" for turn in turns for unit in turn.units for entry in unit.entries]
            logger.exception("commit_failed: %d events (runs and ids: %s)", len(ids), ids[:10], exc_info=error)
        with self._queue.lock:
            for turn in turns:
                turn.error = error
                self._queue.leave(turn)
        self.tell(turns)

    def tell(self, turns: Iterable[Turn]) -> None:
        """Wakes callers: threads one by one, the coroutines of a loop all at once."""
        loops: dict[asyncio.AbstractEventLoop, list[Turn]] = {}
        for turn in turns:
            if turn.loop is None:
                turn.wake()
            else:
                loops.setdefault(turn.loop, []).append(turn)
        for loop, waiting in loops.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_wake_all, waiting)

    def _land(
        self, turns: list[Turn], places: Sequence[tuple[Turn, int, Unit]], outcomes: Sequence[Outcome | None]
    ) -> None:
        """Ends the turns that have all their outcomes; the others were busy and go back to their place."""
        for (turn, place, _), outcome in zip(places, outcomes, strict=True):
            turn.outcomes[place] = outcome
        now = time.monotonic()
        done = [turn for turn in turns if None not in turn.outcomes]
        busy = [turn for turn in turns if None in turn.outcomes]
        with self._queue.lock:
            self._queue.postpone(busy, now)
            for turn in done:
                self._queue.leave(turn)
        metrics.DEFERRED.inc(len(busy))
        self.tell(done)

    def _failed(self, batch: list[Turn], error: DatabaseError) -> None:
        """Tries again what may succeed later; otherwise finds the one caller whose event the database refuses."""
        connection = connections[conf.database]
        passing = dialect(connection).is_passing(error)
        connection.close_if_unusable_or_obsolete()
        if passing:
            self._try_later(batch, error)
        elif len(batch) > 1:
            for turn in batch:
                self.store([turn])
        else:
            self.end(batch, TransactionError("database_error", f"The database refused the event: {error}"))

    def _try_later(self, batch: list[Turn], error: DatabaseError) -> None:
        if not self.failing:
            logger.warning("database_unavailable: a commit failed and is tried again: %s", error)
        self.failing = True
        for turn in batch:
            turn.last_failure = str(error)
            for _, unit in turn.open_units():
                unit.retried = True
        with self._queue.lock:
            self._queue.postpone(batch, time.monotonic())


def _wake_all(turns: list[Turn]) -> None:
    for turn in turns:
        turn.wake()
