"""Upkeep of the log: retention, erasure, redaction, a new identity. Called by commands and by the job loop."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta

from django.utils import timezone

from emitter import bell
from emitter.conf import conf
from emitter.log import retention


def prune(keys: Collection[str], days: float | None = None) -> Iterator[int]:
    """Deletes events older than ``days`` (``RETENTION_DAYS``) in small steps; yields how many each step deleted."""
    before = timezone.now() - timedelta(days=conf.retention_days if days is None else days)
    for key in keys:
        yield from retention.prune(key, before)


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
