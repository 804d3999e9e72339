"""The queue of one process: the turns that wait, how many fit in, who is next and who leads.

Everything but waiting for ``changed`` is done with ``lock`` held.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence

from emitter.conf import conf
from emitter.policy import tiers
from emitter.service.fair import FairQueue, room_for
from emitter.service.turn import State, Turn, too_late


class TurnQueue(FairQueue[Turn]):
    """``size`` events are in it or in a commit; ``led`` says whether somebody leads."""

    def __init__(self) -> None:
        super().__init__(Turn.weight)
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.size = 0
        self.led = False
        self._waiting_for_room: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = deque()

    def enter(self, turn: Turn) -> bool:
        """Lets a turn in if there is room; into an empty queue, whatever its size. It leads when nobody does."""
        room = conf.queue_events
        if tiers.in_use():
            room = room_for(tiers.place_of(turn.weight()), room)
        if self.size and self.size + turn.size > room:
            return False
        self.append(turn)
        self.size += turn.size
        if self.led:
            self.changed.notify_all()
        else:
            self.led = turn.leads = True
        return True

    def room_soon(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
        """Done when somebody has left: then it is time to ask again."""
        room: asyncio.Future[None] = loop.create_future()
        self._waiting_for_room.append((loop, room))
        return room

    def leave(self, turn: Turn) -> None:
        """A turn that was taken out is done."""
        turn.state = State.DONE
        self.size -= turn.size
        self.changed.notify_all()
        while self._waiting_for_room:
            loop, room = self._waiting_for_room.popleft()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_open, room)

    def give_up(self, turn: Turn) -> None:
        """Takes a turn out that nobody has taken, and ends it."""
        self.remove(turn)
        turn.error = too_late(turn)
        self.leave(turn)

    def next_batch(self, now: float) -> tuple[list[Turn], list[Turn]]:
        """Takes out the turns of the next commit, in order, and those that end without one."""
        by_weight = self.size > conf.flush_events and tiers.in_use()
        batch, overdue = self.take(conf.flush_events, lambda turn: turn.look(now), by_weight=by_weight)
        for turn in overdue:
            turn.error = too_late(turn)
            self.leave(turn)
        for turn in batch:
            turn.state = State.FLYING
        return batch, overdue

    def take_out(self, is_meant: Callable[[Collection[str]], bool]) -> list[Turn]:
        """Takes out, in order, the turns whose streams are meant."""
        taken = [turn for turn in self if is_meant(turn.streams)]
        for turn in taken:
            turn.state = State.FLYING
            self.remove(turn)
        return taken

    def postpone(self, turns: Sequence[Turn], now: float) -> None:
        """A turn in a commit has no earlier one of its streams in the queue, so its place is at the front."""
        for turn in turns:
            turn.postpone(now)
        self.put_back(turns)

    def until_next(self, now: float) -> float:
        """Seconds until a turn that waits may be tried again or is overdue."""
        due = (turn.not_before if turn.not_before > now else turn.deadline for turn in self)
        return max(0.0, min(due) - now)

    def hand_over(self, own: Turn | None) -> bool:
        """Gives the lead to the first that waits. True when that takes our own thread."""
        if own is not None:
            own.leads = False
        if not self:
            self.led = False
            return False
        heir = next(iter(self))
        if heir.loop is not None:
            return True
        heir.leads = True
        heir.wake()
        return False


def _open(room: asyncio.Future[None]) -> None:
    if not room.done():
        room.set_result(None)
