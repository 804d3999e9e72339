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
import os
import threading
import time
from collections.abc import Callable, Sequence

from emitter import blocking, metrics
from emitter.conf import conf
from emitter.errors import EmitterUnavailable
from emitter.log.append import Appended
from emitter.log.entry import Outcome, Unit
from emitter.service.carrier import Carrier
from emitter.service.queue import TurnQueue
from emitter.service.spooler import Spooler
from emitter.service.turn import State, Turn, no_room


class GroupCommit:
    """Where the callers of one process wait, and one of them leads.

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
        self._queue = TurnQueue()
        self._carrier = Carrier(self._queue, self._commit, self._announce, self._spool)

    # The two ways in ------------------------------------------------------------------------------------------------

    def submit(self, units: Sequence[Unit]) -> list[Outcome]:
        """Waits on this thread for the outcomes. Raises ``EmitterOverloaded``, ``EmitterUnavailable``."""
        woken = threading.Event()
        turn = Turn(units, time.monotonic() + conf.emit_deadline, woken.set)
        with self._queue.lock:
            while not self._queue.enter(turn):
                if not self._queue.changed.wait(turn.deadline - time.monotonic()):
                    raise no_room()
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
            with self._queue.lock:
                if self._queue.enter(turn):
                    break
                room = self._queue.room_soon(loop)
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

    def _expire(self, turn: Turn) -> bool:
        """At a turn's deadline. One that has failed before is left to the leader, which spools all that waits."""
        if turn.last_failure and self._spool.folder() is not None:
            with self._queue.lock:
                self._queue.changed.notify_all()
            return False
        return self._withdraw(turn)

    def _withdraw(self, turn: Turn) -> bool:
        """Takes a turn that still waits out of the queue. False when it is in a commit or done."""
        with self._queue.lock:
            if turn.state is not State.QUEUED:
                return False
            self._queue.give_up(turn)
            needs_thread = turn.leads and self._queue.hand_over(turn)
        turn.wake()
        if needs_thread:
            self._lead_on_own_thread()
        return True

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
                with self._queue.lock:
                    now = time.monotonic()  # One look, or what falls due between two is slept over.
                    diverted = self._to_be_spooled(now)
                    batch, overdue = self._queue.next_batch(now)
                    if not batch and not overdue and not diverted:
                        if not self._queue:
                            break
                        self._queue.changed.wait(self._queue.until_next(now))
                self._carrier.tell(overdue)
                if diverted:
                    self._carrier.spool(diverted)
                if batch:
                    self._carrier.store(batch)
        except BaseException:
            flying = [turn for turn in (*batch, *diverted) if turn.state is State.FLYING]
            self._carrier.end(
                flying, EmitterUnavailable("database_unavailable", "The committing thread was interrupted.")
            )
            raise
        finally:
            with self._queue.lock:
                needs_thread = self._queue.hand_over(own)
            if needs_thread:
                self._lead_on_own_thread()

    def _to_be_spooled(self, now: float) -> list[Turn]:
        """Takes out of the queue, in order, what has to be spooled: all, once a turn has tried until its deadline."""
        if self._carrier.failing and any(turn.last_failure and turn.deadline <= now for turn in self._queue):
            self._spool.notice_away()
        return self._queue.take_out(self._spool.takes) if self._spool.in_use else []
