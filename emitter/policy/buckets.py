"""Token buckets: so many a second, some more at once."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol


class Buckets(Protocol):
    """Whoever counts: one process for itself, as here, or many together."""

    def take(self, key: str, rate: float, burst: int) -> bool:
        """Takes one out of the key's bucket, which holds ``burst`` and gains ``rate`` a second. False: it is empty."""
        ...


class LocalBuckets:
    """The buckets of one process. Of too many keys the one unseen for longest is forgotten, and begins full again."""

    def __init__(self, most_keys: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_keys = most_keys
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, rate: float, burst: int) -> bool:
        """See :meth:`Buckets.take`. Two threads at one key may count one for both, and nothing worse."""
        now = self._clock()
        left, at = self._buckets.pop(key, (float(burst), now))
        left = min(burst, left + (now - at) * rate)
        self._buckets[key] = (left - 1 if left >= 1 else left, now)
        while len(self._buckets) > self._most_keys:
            self._buckets.popitem(last=False)
        return left >= 1
