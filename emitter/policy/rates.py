"""How often something may happen: a token bucket a name, shared by all processes where the bell has Redis.

The bucket is one number, the moment until which it is spoken for (the generic cell rate algorithm), and the arithmetic
is :func:`take`, here and in Redis alike. Without Redis, or while it is away, each process counts for itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from emitter import bell
from emitter.errors import EmitterError

logger = logging.getLogger("emitter")

#: Names that one process remembers; those whose bucket is full again are forgotten first.
MOST_NAMES = 10_000
#: Seconds that Redis may take, and that it is left alone after it failed.
REDIS_SECONDS, REDIS_PAUSE = 0.25, 5.0

#: The same arithmetic as :func:`take`, by the clock of Redis.
_SCRIPT = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
local spoken = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local number, rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local wait = spoken - now - (burst - math.min(number, burst)) / rate
if wait > 0 then return string.format('%.6f', wait) end
spoken = spoken + number / rate
redis.call('SET', KEYS[1], string.format('%.6f', spoken), 'PX', math.ceil((spoken - now) * 1000) + 1000)
return '0'
"""


class Taken(NamedTuple):
    """Until when the bucket is spoken for now, and the seconds to wait when it gave nothing."""

    spoken: float
    wait: float


def take(spoken: float, now: float, number: int, rate: float, burst: float) -> Taken:
    """Takes ``number`` from a bucket that fills with ``rate`` a second up to ``burst``.

    All are given or none. More than ``burst`` at once take a full bucket, and those who come next wait longer.
    """
    start = max(spoken, now)
    wait = start - now - (burst - min(number, burst)) / rate
    if wait > 1e-9:
        return Taken(spoken, wait)
    return Taken(start + number / rate, 0.0)


class LocalRates:
    """The buckets of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._spoken: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait(self, name: str, number: int, rate: float, burst: float) -> float:
        """Takes; returns 0, or the seconds after which it may be tried again."""
        with self._lock:
            now = self._clock()
            if len(self._spoken) >= MOST_NAMES and name not in self._spoken:
                self._forget(now)
            taken = take(self._spoken.get(name, now), now, number, rate, burst)
            self._spoken[name] = taken.spoken
            return taken.wait

    def _forget(self, now: float) -> None:
        """Full buckets are like new ones; if none is full, the fullest half goes."""
        kept = sorted(self._spoken.items(), key=lambda item: item[1])[len(self._spoken) // 2 :]
        self._spoken = {name: spoken for name, spoken in kept if spoken > now}


class SharedRates:
    """Buckets in Redis, and those of this process while Redis is away."""

    def __init__(self, client: Any, local: LocalRates, clock: Callable[[], float] = time.monotonic) -> None:
        self._script = client.register_script(_SCRIPT)
        self._local = local
        self._clock = clock
        self._away_until = float("-inf")

    def wait(self, name: str, number: int, rate: float, burst: float) -> float:
        """Takes; returns 0, or the seconds after which it may be tried again."""
        from redis.exceptions import RedisError

        if self._clock() >= self._away_until:
            try:
                return float(self._script(keys=[f"emitter.rate:{name}"], args=[number, rate, burst]))
            except RedisError as error:
                self._away_until = self._clock() + REDIS_PAUSE
                logger.warning("rate_unshared: each process counts for itself for now (%s)", type(error).__name__)
        return self._local.wait(name, number, rate, burst)


local = LocalRates()
_shared: dict[str, SharedRates] = {}


def shared() -> LocalRates | SharedRates:
    """The buckets that all processes share, as far as that is possible here."""
    address = bell.redis_address()
    if address is None:
        return local
    if address not in _shared:
        _shared[address] = SharedRates(_client(address), local)
    return _shared[address]


def _client(address: str) -> Any:
    from redis import Redis

    return Redis.from_url(address, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)


class RateExceeded(EmitterError):
    """Too often. ``wait`` is after how many seconds the same call may be tried again."""

    def __init__(self, detail: str, wait: float) -> None:
        super().__init__("rate_exceeded", detail)
        self.wait = wait
