"""Group commit: many callers wait, one of them commits for all.

Callers queue their units. The first one leads: it takes what waits, commits it in one transaction, tells each caller,
and takes what came meanwhile. Nothing is delayed on purpose, so one event alone leaves at once, and N events queued
during a commit cause one more. Among threads the leader is a waiting caller, on its own connection; for coroutines one
thread of ours leads. There is one leader in a process at a time, so the events of a stream keep the callers' order.

When more waits than fills a commit, and tiers differ, :mod:`emitter.service.fair` says who is next.

A unit whose stream or run somebody else holds keeps its place before later units of the same streams and is tried
again after 1 ms, doubling to 50 ms, until its deadline; everybody else passes by.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from django.db import DatabaseError, connections

from emitter import blocking, metrics
from emitter.conf import conf
from emitter.errors import EmitterError, EmitterUnavailable, TransactionError
from emitter.log.append import Appended, dialect
from emitter.log.entry import Unit
from emitter.log.plan import Outcome
from emitter.policy import tiers
from emitter.service.fair import FairQueue, room_for
from emitter.service.spooler import Spooler
from emitter.service.turn import State, Turn, no_room, too_late

logger = logging.getLogger("emitter")


class GroupCommit:
    """The queue of one process.

    ``commit`` stores a batch in one transaction; ``announce`` tells who listens; ``spool`` takes what waits while the
    database is away, and later events of users whose events wait there.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Unit]], Appended],
        announce: Callable[[Appended], None],
        spool: Spooler,
    ) -> None:
        self._commit = commit
        self._announce = announce
        self._spool = spool
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._queue: FairQueue[Turn] = FairQueue(Turn.weight)
        self._waiting_for_room: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = deque()
        self._size = 0
        self._led = False
        self._failing = False

    # The two ways in ------------------------------------------------------------------------------------------------

    def submit(self, units: Sequence[Unit]) -> list[Outcome]:
        """Waits on this thread for the outcomes. Raises ``EmitterOverloaded``, ``EmitterUnavailable``."""
        woken = threading.Event()
        turn = Turn(units, time.monotonic() + conf.emit_deadline, woken.set)
        with self._lock:
            while not self._has_room(turn):
                if not self._changed.wait(turn.deadline - time.monotonic()):
                    raise no_room()
            self._enter(turn)
        try:
            while turn.state is not State.DONE:
                if turn.leads:
                    self._lead(turn)
                elif not woken.wait(max(0.0, turn.deadline - time.monotonic())) and self._expire(turn):
                    break
                else:
                    woken.wait()
                    woken.clear()
        except BaseException:  # A signal's handler raised: a time limit of a worker, or Ctrl-C.
            turn.given_up = True
            self._withdraw(turn)
            raise
        return turn.result()

    async def asubmit(self, units: Sequence[Unit]) -> list[Outcome]:
        """The twin of :meth:`submit` for a native event loop."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not done.done():
                done.set_result(None)

        turn = Turn(units, time.monotonic() + conf.emit_deadline, wake, loop=loop)
        metrics.HOPS.inc()
        while True:
            with self._lock:
                if self._has_room(turn):
                    self._enter(turn)
                    break
                room: asyncio.Future[None] = loop.create_future()
                self._waiting_for_room.append((loop, room))
            try:
                await asyncio.wait_for(room, turn.deadline - time.monotonic())
            except TimeoutError:
                raise no_room() from None
        if turn.leads:
            turn.leads = False  # Our own thread leads, also when this turn is withdrawn.
            self._lead_on_own_thread()
        timer = loop.call_later(turn.deadline - time.monotonic(), self._expire, turn)
        try:
            await done
        except asyncio.CancelledError:
            turn.given_up = True
            if not self._withdraw(turn) and turn.state is not State.DONE:
                done = loop.create_future()
                await done
            raise
        finally:
            timer.cancel()
        return turn.result()

    def _has_room(self, turn: Turn) -> bool:
        room = conf.queue_events
        if tiers.in_use():
            room = room_for(tiers.place_of(turn.weight()), room)
        return self._size == 0 or self._size + turn.size <= room

    def _enter(self, turn: Turn) -> None:
        self._queue.append(turn)
        self._size += turn.size
        if self._led:
            self._changed.notify_all()
        else:
            self._led = turn.leads = True

    def _expire(self, turn: Turn) -> bool:
        """At a turn's deadline. One that has failed before is left to the leader, which spools all that waits."""
        if turn.last_failure and self._spool.folder() is not None:
            with self._lock:
                self._changed.notify_all()
            return False
        return self._withdraw(turn)

    def _withdraw(self, turn: Turn) -> bool:
        """Takes a turn that still waits out of the queue. False when it is in a commit or done."""
        with self._lock:
            if turn.state is not State.QUEUED:
                return False
            self._queue.remove(turn)
            turn.error = too_late(turn)
            self._leave(turn)
            handed_over = turn.leads and self._hand_over(turn)
        turn.wake()
        if handed_over:
            self._lead_on_own_thread()
        return True

    def _leave(self, turn: Turn) -> None:
        turn.state = State.DONE
        self._size -= turn.size
        self._changed.notify_all()
        while self._waiting_for_room:
            loop, room = self._waiting_for_room.popleft()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_open, room)

    # Leading ----------------------------------------------------------------------------------------------------------

    def _lead_on_own_thread(self) -> None:
        blocking.pool("commit", 1).submit(blocking.on_own_connection, self._lead, None)

    def _lead(self, own: Turn | None) -> None:
        """Commits what waits, until the leader's own turn is done; without one, until nothing waits."""
        batch: list[Turn] = []
        diverted: list[Turn] = []
        self._spool.adopt_first()
        try:
            while own is None or own.state is not State.DONE:
                with self._lock:
                    now = time.monotonic()  # One look, or what falls due between two is slept over.
                    diverted = self._to_be_spooled(now)
                    batch, overdue = self._next_batch(now)
                    if not batch and not overdue and not diverted:
                        if not self._queue:
                            break
                        self._changed.wait(self._until_next(now))
                self._tell(overdue)
                if diverted:
                    self._divert(diverted)
                if batch:
                    self._fly(batch)
        except BaseException:
            flying = [turn for turn in (*batch, *diverted) if turn.state is State.FLYING]
            self._end(flying, EmitterUnavailable("database_unavailable", "The committing thread was interrupted."))
            raise
        finally:
            with self._lock:
                needs_thread = self._hand_over(own)
            if needs_thread:
                self._lead_on_own_thread()

    def _next_batch(self, now: float) -> tuple[list[Turn], list[Turn]]:
        """Takes the turns of the next commit, in order, and those that end without one, out of the queue."""
        by_weight = self._size > conf.flush_events and tiers.in_use()
        batch, overdue = self._queue.take(conf.flush_events, lambda turn: turn.look(now), by_weight=by_weight)
        for turn in overdue:
            turn.error = too_late(turn)
            self._leave(turn)
        for turn in batch:
            turn.state = State.FLYING
        return batch, overdue

    def _to_be_spooled(self, now: float) -> list[Turn]:
        """Takes out of the queue, in order, what has to be spooled: all, once a turn has tried until its deadline."""
        if self._failing and any(turn.last_failure and turn.deadline <= now for turn in self._queue):
            self._spool.notice_away()
        if not self._spool.in_use:
            return []
        diverted = [turn for turn in self._queue if self._spool.takes(turn.streams)]
        for turn in diverted:
            turn.state = State.FLYING
            self._queue.remove(turn)
        return diverted

    def _until_next(self, now: float) -> float:
        """Seconds until a turn that waits may be tried again or is overdue."""
        due = (turn.not_before if turn.not_before > now else turn.deadline for turn in self._queue)
        return max(0.0, min(due) - now)

    def _hand_over(self, own: Turn | None) -> bool:
        """Gives the lead to the first that waits. True when that takes our own thread."""
        if own is not None:
            own.leads = False
        if not self._queue:
            self._led = False
            return False
        heir = next(iter(self._queue))
        if heir.loop is not None:
            return True
        heir.leads = True
        heir.wake()
        return False

    def _divert(self, turns: list[Turn]) -> None:
        """Spools turns in their order. When that fails too, their callers get the exception."""
        places = [(turn, place, unit) for turn in turns for place, unit in turn.open_units()]
        try:
            outcomes = self._spool.put([unit for _, _, unit in places])
        except Exception as error:
            self._end(turns, error)
            return
        for (turn, place, _), outcome in zip(places, outcomes, strict=True):
            turn.outcomes[place] = outcome
        self._land(turns)

    # One commit -------------------------------------------------------------------------------------------------------

    def _fly(self, batch: list[Turn]) -> None:
        places = [(turn, place, unit) for turn in batch for place, unit in turn.open_units()]
        try:
            appended = self._commit([unit for _, _, unit in places])
        except DatabaseError as error:
            self._failed(batch, error)
        except Exception as error:
            self._end(batch, error)
        else:
            self._failing = False
            self._announce(appended)
            for (turn, place, _), outcome in zip(places, appended.outcomes, strict=True):
                turn.outcomes[place] = outcome
            self._land(batch)

    def _land(self, batch: list[Turn]) -> None:
        """Ends the turns that have all their outcomes; the others were busy and go back to their place."""
        now = time.monotonic()
        done = [turn for turn in batch if None not in turn.outcomes]
        busy = [turn for turn in batch if None in turn.outcomes]
        with self._lock:
            self._return(busy, now)
            for turn in done:
                self._leave(turn)
        metrics.DEFERRED.inc(len(busy))
        self._tell(done)

    def _return(self, turns: list[Turn], now: float) -> None:
        """A turn in a commit has no earlier one of its streams in the queue, so its place is at the front."""
        for turn in turns:
            turn.postpone(now)
        self._queue.put_back(turns)

    def _failed(self, batch: list[Turn], error: DatabaseError) -> None:
        """Tries again what may succeed later; otherwise finds the one caller whose event the database refuses."""
        connection = connections[conf.database]
        passing = dialect(connection).is_passing(error)
        connection.close_if_unusable_or_obsolete()
        if passing:
            if not self._failing:
                logger.warning("database_unavailable: a commit failed and is tried again: %s", error)
            self._failing = True
            for turn in batch:
                turn.last_failure = str(error)
                for _, unit in turn.open_units():
                    unit.retried = True
            with self._lock:
                self._return(batch, time.monotonic())
        elif len(batch) > 1:
            for turn in batch:
                self._fly([turn])
        else:
            self._end(batch, TransactionError("database_error", f"The database refused the event: {error}"))

    def _end(self, batch: list[Turn], error: Exception) -> None:
        if not isinstance(error, EmitterError):
            ids = [f"{entry.run} {entry.event_id}" for turn in batch for unit in turn.units for entry in unit.entries]
            logger.exception("commit_failed: %d events (runs and ids: %s)", len(ids), ids[:10], exc_info=error)
        with self._lock:
            for turn in batch:
                turn.error = error
                self._leave(turn)
        self._tell(batch)

    def _tell(self, turns: Iterable[Turn]) -> None:
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


def _open(room: asyncio.Future[None]) -> None:
    if not room.done():
        room.set_result(None)


def _wake_all(turns: list[Turn]) -> None:
    for turn in turns:
        turn.wake()
