"""On what terms the log takes events: what it asks of policy and metering, which stand above it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from emitter.errors import EventRefused
from emitter.log.life import Rules
from emitter.log.meter import Price, unpriced


@dataclass(frozen=True, slots=True)
class Terms:
    """Four questions. The log asks ``barred`` before it locks anything, the others while it holds the streams."""

    #: Of these user keys, which belong to users that exist?
    existing: Callable[[Collection[str]], Collection[str]]
    #: Of these user keys, which may get no events, and why?
    barred: Callable[[Collection[str]], Mapping[str, EventRefused]] = lambda keys: {}
    #: What does a call cost at that moment?
    price: Price = unpriced
    #: The rules for the order of a run's events, as they are now.
    rules: Callable[[], Rules | None] = lambda: None
