"""The wall clock. It dates events and the ids made here, and decides no order, so a wrong clock does no harm.

Whoever wants to see that sets it: ``clock.set_source(lambda: time.time() - 3_600)``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

_source: Callable[[], float] = time.time


def set_source(source: Callable[[], float] = time.time) -> None:
    """Takes the time from here: seconds since 1970, UTC. Without an argument, from the machine again."""
    global _source
    _source = source


def now() -> datetime:
    """The time, in UTC."""
    return datetime.fromtimestamp(_source(), UTC)


def new_id() -> UUID:
    """A new UUIDv7 of this time."""
    return uuid7() if _source is time.time else uuid7(nanoseconds=int(_source() * 1e9))
