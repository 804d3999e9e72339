"""What became of the events, counted: pure arithmetic over what was emitted and what a client applied."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self


class Mark(NamedTuple):
    """What an event says of itself: whose it is, and the how-manieth."""

    user: str
    number: int


class Tally(NamedTuple):
    """Events by their fate, over all clients: ``emitted`` times the clients that should have got it is ``offered``."""

    offered: int = 0
    lost: int = 0
    repeated: int = 0
    disordered: int = 0
    leaked: int = 0

    @property
    def whole(self) -> bool:
        return not (self.lost or self.repeated or self.disordered or self.leaked)

    def plus(self, other: Self) -> Self:
        return type(self)(*map(sum, zip(self, other, strict=True)))


def tally(user: str, emitted: int, applied: Sequence[Mark]) -> Tally:
    """For one client of ``user``, whose events were numbered 1 to ``emitted``."""
    own = [mark.number for mark in applied if mark.user == user]
    counts = Counter(own)
    return Tally(
        offered=emitted,
        lost=sum(number not in counts for number in range(1, emitted + 1)),
        repeated=sum(count - 1 for count in counts.values()),
        disordered=steps_back(own),
        leaked=len(applied) - len(own),
    )


def steps_back(numbers: Iterable[int]) -> int:
    """How many numbers come after a larger one for the first time; a repeated number is not out of order."""
    seen: set[int] = set()
    largest = back = 0
    for number in numbers:
        if number not in seen:
            back += number < largest
            largest = max(largest, number)
            seen.add(number)
    return back
