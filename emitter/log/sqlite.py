"""Statements for SQLite, where the transaction itself is the lock: one writer at a time.

Python lets go of its interpreter lock at every step of a statement, and a busy event loop gives it back only after some
milliseconds. So whatever belongs together is one statement, and comes back as one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from typing import Any

import msgspec
from django.db.backends.base.base import BaseDatabaseWrapper

from emitter.log.rows import EventRow, RunRow, StreamRow

#: Rows of one INSERT. Few different sizes, so that their prepared statements are found again.
SIZES = (256, 64, 16, 4, 1)
_ROW = "(%s, %s, %s, %s, %s, %s, %s, %s, %s)"


def lock_streams(connection: BaseDatabaseWrapper, keys: Sequence[str], *, wait: bool) -> dict[str, StreamRow]:
    """The streams that exist; whoever writes holds them all."""
    rows = _one_row(
        connection,
        "SELECT json_group_array(json_array(key, epoch, head, open_calls)) FROM emitter_stream "
        "WHERE key IN (SELECT value FROM json_each(%s))",
        keys,
    )
    return {key: StreamRow(*values) for key, *values in rows}


def claim(connection: BaseDatabaseWrapper, names: Iterable[str], *, wait: bool) -> set[str]:
    """The names that this transaction may create: all of them."""
    return set(names)


def select_runs(connection: BaseDatabaseWrapper, ids: Iterable[str]) -> dict[str, RunRow]:
    """The stored runs of these ids."""
    rows = _one_row(
        connection,
        "SELECT json_group_array(json_array(id, stream, thread, agent, state, first_seq, "
        "json(CASE WHEN started THEN 'true' ELSE 'false' END))) FROM emitter_run "
        "WHERE id IN (SELECT value FROM json_each(%s))",
        list(ids),
    )
    return {run: RunRow(*values) for run, *values in rows}


def insert_events(connection: BaseDatabaseWrapper, rows: Sequence[EventRow]) -> None:
    """As few statements as the sizes allow."""
    zone = connection.timezone
    values = [
        (r.stream, r.seq, r.event_id.hex, r.digest, r.run, r.type, r.after_end, _naive(r.created_at, zone), r.body)
        for r in rows
    ]
    with connection.cursor() as cursor:
        while values:
            size = next(size for size in SIZES if size <= len(values))
            together, values = values[:size], values[size:]
            cursor.execute(
                "INSERT INTO emitter_event (stream, seq, event_id, digest, run, type, after_end, created_at, body) "
                f"VALUES {', '.join([_ROW] * size)}",
                [value for row in together for value in row],
            )


def raise_heads(connection: BaseDatabaseWrapper, heads: Mapping[str, int], open_calls: Mapping[str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE emitter_stream SET head = json_extract(grown.value, '$[0]'), "
            "open_calls = coalesce(json_extract(grown.value, '$[1]'), open_calls) FROM json_each(%s) AS grown "
            "WHERE emitter_stream.key = grown.key",
            [msgspec.json.encode({key: (head, open_calls.get(key)) for key, head in heads.items()}).decode()],
        )


@contextmanager
def snapshot(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Whatever is read inside is of one moment; nobody waits. Within a transaction of the caller it is that one's."""
    if connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def is_passing(error: Exception) -> bool:
    """Whether the same transaction may succeed when it is tried again."""
    return any(word in str(error).lower() for word in ("locked", "busy", "unable to open", "disk i/o"))


def is_standby(error: Exception) -> bool:
    """SQLite has no servers that change places."""
    return False


def is_deadlock(error: Exception) -> bool:
    """SQLite has no deadlock among rows."""
    return False


def _naive(moment: datetime, zone: tzinfo | None) -> str:
    """A time as Django writes it on SQLite, without the checks that it makes for each value."""
    local = moment if zone is UTC else moment.astimezone(zone)
    return str(local)[:-6]


def _one_row(connection: BaseDatabaseWrapper, statement: str, values: Sequence[str]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, [msgspec.json.encode(values).decode()])
        (text,) = cursor.fetchone()
    return msgspec.json.decode(text)
