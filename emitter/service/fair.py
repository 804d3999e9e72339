"""Who is next, when more waits than one commit takes. Knows no clock, no thread and no database.

Turns wait in the order in which they came. When they are too many for one flush and tiers differ, three quarters of
each flush are shared out by weight, and the rest goes to those who came first. So, while every flush is full:

* a stream is never reordered: only the first turn of each of its streams can be taken;
* the turns of one weight get their share of three quarters of a flush, whatever waits at lower weights, and within a
  weight the streams take turns;
* nobody waits more than :func:`most_flushes`, whatever comes meanwhile.

A turn that others hold up (it is to be tried later, or its stream is) waits for them, and is passed by.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum, auto
from math import ceil
from typing import Generic, Protocol, TypeVar

#: One event in so many goes in order of arrival, the others by weight.
BY_AGE = 4
#: The part of the queue that every tier may fill; above it there is room for higher tiers alone.
FOR_ALL = 0.75


class Waiting(Protocol):
    """What waits: so many events, of these streams."""

    @property
    def size(self) -> int: ...

    @property
    def streams(self) -> frozenset[str]: ...


class Look(Enum):
    """How a turn stands when it is looked at: it may be taken, has to wait, or is over without having been taken."""

    GO = auto()
    HOLD = auto()
    OVER = auto()


T = TypeVar("T", bound=Waiting)


def most_flushes(waiting: int, flush: int, largest: int = 1, weights: int = 1) -> int:
    """The number of the flush in which an event is taken at the latest.

    ``waiting`` events stand in line up to and with it, a flush is full with ``flush``, nobody brings more than
    ``largest`` at once, and there are so many different ``weights``. Of n full flushes three quarters go by weight, and
    of each weight what one turn goes beyond; at least the rest goes in order of arrival, where nobody gets before it.
    """
    return ceil((waiting - 1 + weights * largest) * BY_AGE / flush)


def room_for(place: float, queue_events: int) -> int:
    """Events up to which the queue is open for a tier, by its ``place`` among the tiers from 0 to 1."""
    return int(queue_events * (FOR_ALL + (1 - FOR_ALL) * place))


class FairQueue(Generic[T]):
    """Turns that wait, each taken once. ``weigh`` tells a turn's weight."""

    def __init__(self, weigh: Callable[[T], int]) -> None:
        self._weigh = weigh
        self._order: OrderedDict[T, None] = OrderedDict()
        self._shares: _Shares[T] | None = None

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[T]:
        return iter(self._order)

    def append(self, turn: T) -> None:
        self._order[turn] = None
        if self._shares is not None:
            self._shares.add(turn)

    def remove(self, turn: T) -> None:
        """Takes out a turn that waits."""
        del self._order[turn]
        if self._shares is not None:
            self._shares.remove(turn)

    def put_back(self, turns: Sequence[T]) -> None:
        """Puts turns that were taken back to the front, in their order."""
        for turn in reversed(turns):
            self._order[turn] = None
            self._order.move_to_end(turn, last=False)
            if self._shares is not None:
                self._shares.put_back(turn)

    def take(self, flush: int, look: Callable[[T], Look], *, by_weight: bool) -> tuple[list[T], list[T]]:
        """Takes out the turns of the next flush, and those met on the way that are over.

        The flush is full with ``flush`` events or more; it never ends in the middle of a turn.
        """
        taken: list[T] = []
        over: list[T] = []
        if not by_weight:
            self._shares = None
        else:
            if self._shares is None:
                self._shares = _Shares(self._order, self._weigh)
            for turn, goes in self._shares.take(flush, look):
                del self._order[turn]
                (taken if goes else over).append(turn)
        self._take_in_order(flush, look, taken, over)
        return taken, over

    def _take_in_order(self, flush: int, look: Callable[[T], Look], taken: list[T], over: list[T]) -> None:
        room = flush - sum(turn.size for turn in taken)
        held: set[str] = set()
        stay: list[T] = []
        while self._order and room > 0:
            turn, _ = self._order.popitem(last=False)
            how = look(turn)
            if how is Look.HOLD or (how is Look.GO and not held.isdisjoint(turn.streams)):
                held |= turn.streams
                stay.append(turn)
                continue
            if self._shares is not None:
                self._shares.remove(turn)
            if how is Look.OVER:
                over.append(turn)
            else:
                taken.append(turn)
                room -= turn.size
        for turn in reversed(stay):
            self._order[turn] = None
            self._order.move_to_end(turn, last=False)


class _Shares(Generic[T]):
    """The turns by stream, and the streams by the weight of their first turn, each weight with its credit.

    A credit may be overdrawn by one turn and is paid back before the next, so large turns and small ones get the same.
    """

    def __init__(self, turns: Iterable[T], weigh: Callable[[T], int]) -> None:
        self._weigh = weigh
        self._lines: dict[str, deque[T]] = {}
        self._rings: dict[int, OrderedDict[str, None]] = {}
        self._ring_of: dict[str, int] = {}
        self._credits: dict[int, float] = {}
        for turn in turns:
            self.add(turn)

    def add(self, turn: T) -> None:
        for stream in turn.streams:
            line = self._lines.setdefault(stream, deque())
            line.append(turn)
            if len(line) == 1:
                self._file(stream)

    def put_back(self, turn: T) -> None:
        for stream in turn.streams:
            self._lines.setdefault(stream, deque()).appendleft(turn)
            self._file(stream)

    def remove(self, turn: T) -> None:
        for stream in turn.streams:
            line = self._lines[stream]
            if line[0] is not turn:
                line.remove(turn)
                continue
            line.popleft()
            if not line:
                del self._lines[stream]
            self._file(stream)

    def take(self, flush: int, look: Callable[[T], Look]) -> Iterator[tuple[T, bool]]:
        """Takes out what goes by weight, ``True`` beside it, and what is over."""
        self._credit(flush)
        room = flush
        aside: list[str] = []
        for weight in sorted(self._credits, reverse=True):
            ring = self._rings[weight]
            while ring and self._credits[weight] > 0 and room > 0:
                turn = self._lines[next(iter(ring))][0]
                how = look(turn)
                if how is Look.HOLD or not self._is_first(turn):
                    stream, _ = ring.popitem(last=False)
                    del self._ring_of[stream]
                    aside.append(stream)
                    continue
                self.remove(turn)
                if how is Look.GO:
                    self._credits[weight] -= turn.size
                    room -= turn.size
                yield turn, how is Look.GO
        for stream in aside:
            self._file(stream)

    def _credit(self, flush: int) -> None:
        """Gives each weight that waits, or has overdrawn, its part. What was not used is not saved up."""
        debts = {weight: min(self._credits.get(weight, 0.0), 0.0) for weight in self._rings}
        weights = [weight for weight, ring in self._rings.items() if ring or debts[weight]]
        part = flush * (1 - 1 / BY_AGE) / sum(weights) if weights else 0.0
        self._credits = {weight: debts[weight] + part * weight for weight in weights}

    def _is_first(self, turn: T) -> bool:
        return all(self._lines[stream][0] is turn for stream in turn.streams)

    def _file(self, stream: str) -> None:
        """Puts a stream last among those of its first turn's weight."""
        before = self._ring_of.pop(stream, None)
        if before is not None:
            del self._rings[before][stream]
        if stream in self._lines:
            weight = self._ring_of[stream] = self._weigh(self._lines[stream][0])
            self._rings.setdefault(weight, OrderedDict())[stream] = None
