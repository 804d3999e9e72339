"""Flow control, as pure arithmetic: how much may be on its way to one client.

The socket below never pushes back (daphne takes whatever it is given), so this is what keeps memory flat. A client that
acknowledges has credit; of one that cannot nobody knows whether it reads, so it gets a rate and a bound.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

Clock = Callable[[], float]


class Flow(Protocol):
    """What a session asks before and after it writes."""

    def room(self) -> tuple[int, int]:
        """Events and bytes that may be written now."""

    @property
    def spent(self) -> bool:
        """Whether nothing may be written now."""

    def take(self, seq: int, size: int) -> None:
        """An event of ``size`` bytes was written."""

    def give_back(self, seq: int) -> None:
        """All events up to ``seq`` were acknowledged."""

    def forget(self) -> None:
        """The client starts anew from a position of its own."""

    def pause(self) -> float | None:
        """Seconds until there is room again by itself; ``None`` when that takes an acknowledgement."""

    def overdue(self) -> bool:
        """Whether the client is too slow to be kept: it should come back and resume."""


class Credit:
    """Events and bytes that were written and not yet acknowledged, against their limits.

    Overdue is who gave no acknowledgement for ``patience`` seconds while the credit was spent.
    """

    def __init__(self, events: int, size: int, patience: float = 30.0, clock: Clock = time.monotonic) -> None:
        self._max_events = events
        self._max_size = size
        self._patience = patience
        self._clock = clock
        self._sent: deque[tuple[int, int]] = deque()
        self._size = 0
        self._moved_at = clock()

    def room(self) -> tuple[int, int]:
        """Something always may be written when nothing is on its way."""
        if not self._sent:
            return self._max_events, self._max_size
        return max(0, self._max_events - len(self._sent)), max(0, self._max_size - self._size)

    @property
    def spent(self) -> bool:
        return 0 in self.room()

    def take(self, seq: int, size: int) -> None:
        self._sent.append((seq, size))
        self._size += size
        self._moved_at = self._clock()

    def give_back(self, seq: int) -> None:
        while self._sent and self._sent[0][0] <= seq:
            self._size -= self._sent.popleft()[1]
        self._moved_at = self._clock()

    def forget(self) -> None:
        self._sent.clear()
        self._size = 0

    def pause(self) -> float | None:
        return None

    def overdue(self) -> bool:
        return self.spent and self._clock() - self._moved_at > self._patience


class Rate:
    """A token bucket of bytes for clients that cannot acknowledge; overdue once ``bound`` bytes were written in all."""

    def __init__(self, per_second: int, burst: int, bound: int, clock: Clock = time.monotonic) -> None:
        self._per_second = per_second
        self._burst = burst
        self._bound = bound
        self._clock = clock
        self._tokens = float(burst)
        self._filled_at = clock()
        self._written = 0

    def room(self) -> tuple[int, int]:
        """As many events as fit into the bytes."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        size = max(0, int(self._tokens))
        return size, size

    @property
    def spent(self) -> bool:
        return 0 in self.room()

    def take(self, seq: int, size: int) -> None:
        self._tokens -= size
        self._written += size

    def give_back(self, seq: int) -> None:
        """Such a client acknowledges nothing."""

    def forget(self) -> None:
        """What was written may still be on its way."""

    def pause(self) -> float | None:
        return max(0.01, (1 - self._tokens) / self._per_second)

    def overdue(self) -> bool:
        return self._written > self._bound


class Allowance:
    """How much a client may say: so many frames a second, and one more for each event that it was sent.

    Whoever acknowledges each single event stays below it; whoever floods does not.
    """

    def __init__(self, per_second: float, burst: int, most: int, clock: Clock = time.monotonic) -> None:
        self._per_second = per_second
        self._burst = burst
        self._most = most
        self._clock = clock
        self._left = float(burst)
        self._filled_at = clock()

    def earn(self, events: int) -> None:
        """So many events were sent."""
        self._left = min(self._most, self._left + events)

    def take(self) -> bool:
        """One frame came. False when it is one too many."""
        now = self._clock()
        if self._left < self._burst:
            self._left = min(self._burst, self._left + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
