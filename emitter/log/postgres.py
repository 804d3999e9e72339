"""Statements for PostgreSQL: rows are locked, and whoever must not wait passes by what is locked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b

from django.db import InterfaceError, OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from emitter.log.rows import EventRow, RunRow, StreamRow

#: From this many rows on, COPY beats a multi-row INSERT.
COPY_ROWS = 8
_COLUMNS = "stream, seq, event_id, digest, run, type, after_end, created_at, body"
_ALL_EXIST = "(SELECT count(*) FROM emitter_stream WHERE key = ANY(%(keys)s)) = cardinality(%(keys)s::text[])"


def lock_streams(connection: BaseDatabaseWrapper, keys: Sequence[str], *, wait: bool) -> dict[str, StreamRow]:
    """Locks streams in key order: with ``wait`` all or, if one does not exist, none; else those that nobody holds.

    The order is Python's, whatever the database's collation: who takes one key after the other must agree.
    """
    condition, skip = ("AND " + _ALL_EXIST, "") if wait else ("", "SKIP LOCKED")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, epoch, head, open_calls FROM emitter_stream "
            f'WHERE key = ANY(%(keys)s) {condition} ORDER BY key COLLATE "C" FOR UPDATE {skip}',
            {"keys": list(keys)},
        )
        return {key: StreamRow(*values) for key, *values in cursor.fetchall()}


def claim(connection: BaseDatabaseWrapper, names: Iterable[str], *, wait: bool) -> set[str]:
    """The names whose rows this transaction alone may create until it ends.

    A row that is not committed is invisible, even to SKIP LOCKED, and blocks whoever inserts the same key; an advisory
    lock on the name answers at once.
    """
    numbers = {_advisory(name): name for name in sorted(names)}
    call = "pg_advisory_xact_lock(n) IS NOT NULL" if wait else "pg_try_advisory_xact_lock(n)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT n, {call} FROM unnest(%s::bigint[]) WITH ORDINALITY AS names(n, place) ORDER BY place",
            [list(numbers)],
        )
        return {numbers[number] for number, granted in cursor.fetchall() if granted}


def _advisory(name: str) -> int:
    return int.from_bytes(blake2b(f"emitter {name}".encode(), digest_size=8).digest(), "big", signed=True)


def select_runs(connection: BaseDatabaseWrapper, ids: Iterable[str]) -> dict[str, RunRow]:
    """The stored runs of these ids."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, stream, thread, agent, state, first_seq, started FROM emitter_run WHERE id = ANY(%s)",
            [list(ids)],
        )
        return {run: RunRow(*values) for run, *values in cursor.fetchall()}


def insert_events(connection: BaseDatabaseWrapper, rows: Sequence[EventRow]) -> None:
    values = [(r.stream, r.seq, r.event_id, r.digest, r.run, r.type, r.after_end, r.created_at, r.body) for r in rows]
    with connection.cursor() as cursor:
        if len(values) < COPY_ROWS:
            marks = ",".join(["(%s, %s, %s, %s, %s, %s, %s, %s, %s)"] * len(values))
            cursor.execute(f"INSERT INTO emitter_event ({_COLUMNS}) VALUES {marks}", [v for row in values for v in row])
            return
        with cursor.copy(f"COPY emitter_event ({_COLUMNS}) FROM STDIN") as copy:
            for row in values:
                copy.write_row(row)


def raise_heads(connection: BaseDatabaseWrapper, heads: Mapping[str, int], open_calls: Mapping[str, str]) -> None:
    """One statement; the rows are locked already, so its order of rows cannot deadlock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE emitter_stream AS s SET head = grown.head, open_calls = coalesce(grown.calls, s.open_calls) "
            "FROM unnest(%s::text[], %s::bigint[], %s::text[]) AS grown(key, head, calls) WHERE s.key = grown.key",
            [list(heads), list(heads.values()), [open_calls.get(key) for key in heads]],
        )


@contextmanager
def snapshot(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Whatever is read inside is of one moment; nobody waits. Within a transaction of the caller it is that one's."""
    outermost = not connection.in_atomic_block
    with transaction.atomic(using=connection.alias):
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def is_passing(error: Exception) -> bool:
    """Whether the same transaction may succeed when it is tried again: the server went away, or ended it."""
    return isinstance(error, OperationalError | InterfaceError) or is_standby(error)


def is_standby(error: Exception) -> bool:
    """SQLSTATE 25006: the server takes no writes any more; whoever does is found by connecting anew."""
    return getattr(error.__cause__, "sqlstate", None) == "25006"


def is_deadlock(error: Exception) -> bool:
    """SQLSTATE 40P01."""
    return getattr(error.__cause__, "sqlstate", None) == "40P01"
