"""Statements for SQLite, where the transaction itself is the lock: one writer at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from emitter.log.plan import EventRow, StreamRow


def lock_streams(connection: BaseDatabaseWrapper, keys: Sequence[str], *, wait: bool) -> dict[str, StreamRow]:
    """The streams that exist; whoever writes holds them all."""
    marks = ",".join(["%s"] * len(keys))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT key, epoch, head FROM emitter_stream WHERE key IN ({marks})", keys)
        return {key: StreamRow(epoch, head) for key, epoch, head in cursor.fetchall()}


def claim(connection: BaseDatabaseWrapper, names: Iterable[str], *, wait: bool) -> set[str]:
    """The names that this transaction may create: all of them."""
    return set(names)


def insert_events(connection: BaseDatabaseWrapper, rows: Sequence[EventRow]) -> None:
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO emitter_event (stream, seq, event_id, digest, run, type, after_end, created_at, body) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (r.stream, r.seq, r.event_id.hex, r.digest, r.run, r.type, r.after_end, adapt(r.created_at), r.body)
                for r in rows
            ],
        )


def raise_heads(connection: BaseDatabaseWrapper, heads: Mapping[str, int]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE emitter_stream SET head = %s WHERE key = %s", [(head, key) for key, head in heads.items()]
        )


def is_passing(error: Exception) -> bool:
    """Whether the same transaction may succeed when it is tried again."""
    return _says(error, "locked", "busy", "unable to open", "disk i/o")


def is_deadlock(error: Exception) -> bool:
    """SQLite has no deadlock among rows."""
    return False


def _says(error: Any, *words: str) -> bool:
    return any(word in str(error).lower() for word in words)
