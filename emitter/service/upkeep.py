"""Upkeep of the log: retention, erasure, redaction, a new identity. Called by commands and by the job loop."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta

from django.utils import timezone

from emitter import bell
from emitter.log import retention
from emitter.policy import tiers


def prune(keys: Collection[str], days: float | None = None) -> Iterator[int]:
    """Deletes events older than ``days`` in small steps; yields how many each step deleted.

    Without ``days`` each user's tier says them, or ``RETENTION_DAYS`` where nobody has one. A user whose tier cannot be
    told keeps events as long as the tier that keeps them longest.
    """
    now = timezone.now()
    for key in keys:
        kept = tiers.tier_of(key).retention_days if days is None else days
        yield from retention.prune(key, now - timedelta(days=kept))


def new_epoch(keys: Collection[str]) -> int:
    """Gives streams new epochs and rings for them. Returns how many."""
    growth = [retention.new_epoch(key) for key in keys]
    changed = [news for news in growth if news is not None]
    bell.ring(changed)
    return len(changed)


def erase(key: str) -> Iterator[int]:
    """Deletes whatever the log holds of a user; yields the events deleted in each step."""
    yield from retention.erase(key)


def redact(key: str, seq: int) -> bool:
    """Empties the payload of one event. False when there is no such event."""
    return retention.redact(key, seq)
