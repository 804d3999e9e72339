"""Upkeep of what the migration keeps: retention and erasure. Called by commands and by the job loop."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from emitter.conf import conf
from emitter.migration import differences, tallies


def prune(days: float | None = None) -> int:
    """Deletes differences and tallies older than ``days`` (``RETENTION_DAYS``); the history of modes stays."""
    before = timezone.now() - timedelta(days=conf.retention_days if days is None else days)
    return differences.prune(before) + tallies.prune(before)


def knows(key: str) -> bool:
    """Whether a difference shows what a user was told."""
    return differences.knows(key)


def erase(key: str) -> int:
    """Deletes the differences that show what a user was told. Returns how many."""
    return differences.erase(key)
