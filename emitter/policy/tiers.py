"""Who has which tier (``EMITTER["TIER_OF"]``), remembered for ``TIER_SECONDS``.

A tier is set by the project's configuration alone; nothing that comes from outside names one. Without ``TIER_OF`` every
user is ``free`` and keeps everything. A user whose tier cannot be told keeps the one that was told last, or else is
``unknown``: nothing is left out, nothing is pruned early, and no emit fails for it.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache, partial, reduce
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.db import connections, transaction
from django.utils.module_loading import import_string

from emitter import blocking, metrics
from emitter.conf import conf
from emitter.policy import users
from emitter.policy.tier import DEFAULTS, Tier, parse

logger = logging.getLogger("emitter")

#: Users whose tiers a process remembers; of more, the one asked about first is forgotten.
REMEMBERED = 10_000
UNKNOWN = "unknown"

Answer = str | Exception | None


class Tiers:
    """The tiers of the settings, and what this process knows of its users."""

    def __init__(self) -> None:
        limits: dict[str, Any] = {
            "retention_days": conf.retention_days,
            "sessions": conf.sessions_per_user,
            "devices": conf.devices_per_user,
        }
        try:
            self.by_name = parse(DEFAULTS if conf.tiers is None else conf.tiers, limits)
        except ValueError as error:
            raise ImproperlyConfigured(f"EMITTER['TIERS']: {error}.") from None
        if UNKNOWN in self.by_name:
            raise ImproperlyConfigured(f"EMITTER['TIERS']: {UNKNOWN!r} is who has none; name the tier otherwise.")
        generous = {name: max(limit, *(getattr(t, name) for t in self)) for name, limit in limits.items()}
        self.unknown = Tier(name=UNKNOWN, **generous)
        #: The one tier of all users, where there is one.
        self.everybodys: Tier | None = None
        if conf.tier_of is None:
            self.everybodys = Tier(name="free", **limits)
        elif isinstance(conf.tier_of, str):
            self.everybodys = self.by_name.get(conf.tier_of)
        weights = sorted({1, *(tier.weight for tier in self)})
        highest = len(weights) - 1
        self._places = {weight: place / highest if highest else 1.0 for place, weight in enumerate(weights)}
        self._known: OrderedDict[str, tuple[Tier, float]] = OrderedDict()
        self._said: dict[str, float] = {}

    def __iter__(self) -> Iterator[Tier]:
        return iter(self.by_name.values())

    def weight_of(self, name: str) -> int:
        """The weight of a tier by its name; a name of older settings counts least."""
        tier = self.by_name.get(name)
        return 1 if tier is None else tier.weight

    def place_of(self, weight: int) -> float:
        """Where a weight stands among all, from 0 for the least to 1."""
        return self._places.get(weight, 0.0)

    def remembered(self, key: str) -> Tier:
        """What is known of a user, without asking."""
        if self.everybodys is not None:
            return self.everybodys
        known = self._known.get(key)
        return self.unknown if known is None else known[0]

    def due(self, keys: Iterable[str]) -> list[str]:
        """Those about whom somebody has to be asked."""
        if self.everybodys is not None:
            return []
        now = time.monotonic()
        return [key for key in keys if (known := self._known.get(key)) is None or known[1] <= now]

    def learn(self, keys: Collection[str]) -> None:
        """Asks about users and remembers the answers."""
        until = time.monotonic() + conf.tier_seconds
        for key, answer in _ask(keys).items():
            tier = self.by_name.get(answer) if isinstance(answer, str) else None
            if tier is None:
                self._complain(answer)
                tier = self.remembered(key) if isinstance(answer, Exception) else self.unknown
            self._known.pop(key, None)
            self._known[key] = (tier, until)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _complain(self, answer: Answer) -> None:
        """Counts each time, and logs once in a while."""
        code = "tier_failed" if isinstance(answer, Exception) else "tier_unknown"
        metrics.TIER_FAILURES.labels(code=code).inc()
        now = time.monotonic()
        if now < self._said.get(code, now):
            return
        self._said[code] = now + conf.tier_seconds
        if isinstance(answer, Exception):
            logger.error("tier_failed: TIER_OF cannot say who has which tier", exc_info=answer)
        else:
            logger.error("tier_unknown: TIER_OF says %.40r, which is no tier; known are %s", answer, list(self.by_name))


@lru_cache(maxsize=1)
def _current() -> Tiers:
    return Tiers()


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "EMITTER":
        forget()


setting_changed.connect(_forget)


def forget() -> None:
    """Asks about everybody anew: for a process that has just changed somebody's tier."""
    _current.cache_clear()


def names() -> list[str]:
    """The names of all tiers, the least first."""
    return [tier.name for tier in sorted(_current(), key=lambda tier: tier.weight)]


def in_use() -> bool:
    """Whether tiers can differ between users."""
    return _current().everybodys is None


def tier_of(key: str) -> Tier:
    """The tier of a user. Asks when it is not known, or was told more than ``TIER_SECONDS`` ago; never raises."""
    learn([key])
    return _current().remembered(key)


async def atier_of(key: str) -> Tier:
    """The async twin of :func:`tier_of`."""
    await alearn([key])
    return _current().remembered(key)


def learn(keys: Iterable[str]) -> None:
    """Sees to it that :func:`remembered` knows these users."""
    tiers = _current()
    if due := tiers.due(keys):
        tiers.learn(due)


async def alearn(keys: Iterable[str]) -> None:
    """The async twin of :func:`learn`."""
    tiers = _current()
    if due := tiers.due(keys):
        await blocking.run(tiers.learn, due)


def remembered(key: str) -> Tier:
    """The tier of a user as far as it is known, at once: after :func:`learn`."""
    return _current().remembered(key)


def weight_of(names: Iterable[str]) -> int:
    """The highest weight of tiers by their names."""
    tiers = _current()
    return max(map(tiers.weight_of, names))


def place_of(weight: int) -> float:
    """Where a weight stands among those of all tiers, from 0 for the least to 1."""
    return _current().place_of(weight)


def shortest_retention() -> float:
    """Days after which an event of somebody may be gone."""
    tiers = _current()
    if tiers.everybodys is not None:
        return tiers.everybodys.retention_days
    return min(conf.retention_days, *(tier.retention_days for tier in tiers))


# Asking ---------------------------------------------------------------------------------------------------------------


def _ask(keys: Collection[str]) -> dict[str, Answer]:
    """An answer for each user; who is none may have none. What goes wrong is an answer too."""
    given = conf.tier_of
    try:
        if isinstance(given, str) and "." not in given:
            with _untouched_transactions():
                found = users.of_keys(keys)
            return {key: _answer(partial(reduce, getattr, given.split("__")), user) for key, user in found.items()}
        ask = import_string(given) if isinstance(given, str) else given
    except Exception as error:
        return dict.fromkeys(keys, error)
    return {key: _answer(ask, key) for key in keys}


def _answer(ask: Callable[[Any], Answer], about: Any) -> Answer:
    try:
        with _untouched_transactions():
            return ask(about)
    except Exception as error:
        return error


@contextmanager
def _untouched_transactions() -> Iterator[None]:
    """A question that fails must not spoil the transactions that the caller has open."""
    with ExitStack() as stack:
        for connection in connections.all(initialized_only=True):
            if connection.in_atomic_block:
                stack.enter_context(transaction.atomic(using=connection.alias))
        yield
