"""The write: one transaction that locks, takes duplicates out, numbers and inserts.

Two entrances. :func:`append_here` joins the transaction that the caller has open and waits for locks as the caller's
own statements would. :func:`append` opens a transaction for a batch of strangers and never waits for a locked stream
or run: their units come back ``busy``, to be tried again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import ModuleType
from uuid import UUID

from django.db import DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from emitter import metrics
from emitter.conf import conf
from emitter.cursor import Growth
from emitter.errors import EventRefused, TransactionError
from emitter.log import boot, postgres, sqlite
from emitter.log.entry import Outcome, Unit
from emitter.log.epoch import new_epoch
from emitter.log.meter import Meter, UsageRow
from emitter.log.plan import Plan, plan
from emitter.log.rows import EventRow, Known, RunRow, StreamRow
from emitter.log.terms import Terms
from emitter.log.usage import counted_of, write_usage
from emitter.models import Event, Run, Stream


@dataclass(frozen=True, slots=True)
class Appended:
    """One outcome a unit, in their order, ``None`` for a unit that was busy; and what is told and counted of them.

    ``stored`` counts events by type, source and tier, ``dropped`` those that were left out by code and tier.
    """

    outcomes: list[Outcome | None]
    growth: list[Growth]
    stored: Counter[tuple[str, str, str]]
    dropped: Counter[tuple[str, str]]
    flagged: Counter[str]
    usage: list[UsageRow]


def dialect(connection: BaseDatabaseWrapper) -> ModuleType:
    """The statements of the database behind ``connection``."""
    return postgres if connection.vendor == "postgresql" else sqlite


def append(units: Sequence[Unit], terms: Terms) -> Appended:
    """Stores a batch in a transaction of its own. Raises ``DatabaseError``; then nothing of it is stored."""
    connection = connections[conf.database]
    try:
        boot.note_writer()
        barred = _barred(units, terms)
        with transaction.atomic(using=conf.database, durable=True):
            appended = _append(connection, units, terms, barred, wait=False)
    except DatabaseError as error:
        if dialect(connection).is_standby(error):
            connection.close()  # It stands, but to a server that takes no writes; the next one finds who does.
        raise
    if appended.stored:
        metrics.COMMITS.inc()
    return appended


def append_here(units: Sequence[Unit], terms: Terms) -> Appended:
    """Stores units in the caller's open transaction. Their streams stay locked until the caller ends it.

    A database error ends the caller's transaction (``deadlock`` or ``database_error``): whatever the caller does with
    the exception, nothing of that transaction is stored.
    """
    connection = connections[conf.database]
    try:
        boot.note_writer()
        return _append(connection, units, terms, _barred(units, terms), wait=True)
    except DatabaseError as error:
        connection.set_rollback(True)
        if dialect(connection).is_deadlock(error):
            raise TransactionError(
                "deadlock",
                "Two transactions waited for each other's streams, and this one was ended. Run it again; emit for "
                "several users through emit_many, which sorts, or in the order of their keys.",
            ) from error
        raise TransactionError(
            "database_error", f"The database refused the event, and the transaction must be rolled back: {error}"
        ) from error


def _barred(units: Sequence[Unit], terms: Terms) -> dict[int, EventRefused]:
    """The units with an event of a user who may get none, each with its refusal. Asked before anything is locked."""
    barred = terms.barred({entry.stream for unit in units for entry in unit.entries})
    if not barred:
        return {}
    refused: dict[int, EventRefused] = {}
    for unit in units:
        for index, entry in enumerate(unit.entries):
            if (reason := barred.get(entry.stream)) is not None:
                refused[id(unit)] = EventRefused(reason.code, reason.detail, index=index)
                break
    return refused


def _append(
    connection: BaseDatabaseWrapper,
    units: Sequence[Unit],
    terms: Terms,
    barred: Mapping[int, EventRefused],
    *,
    wait: bool,
) -> Appended:
    sql = dialect(connection)
    free = [unit for unit in units if id(unit) not in barred] if barred else units
    keys = sorted({entry.stream for unit in free for entry in unit.entries})
    streams, busy = _lock(connection, sql, keys, terms, wait=wait)
    free = [unit for unit in free if not any(entry.stream in busy for entry in unit.entries)]
    runs, busy_runs = _load_runs(connection, sql, free, wait=wait)
    if busy_runs:
        free = [unit for unit in free if not any(entry.run in busy_runs for entry in unit.entries)]
    made = plan(
        free,
        streams,
        runs,
        _load_known(connection, free),
        meter=Meter(counted_of(connection, free), terms.price),
        rules=terms.rules(),
    )
    _write(connection, sql, made, streams)
    outcomes: dict[int, Outcome] = {id(unit): outcome for unit, outcome in zip(free, made.outcomes, strict=True)}
    return Appended(
        [outcomes.get(id(unit), barred.get(id(unit))) for unit in units],
        _growth(made, streams),
        made.stored,
        made.dropped,
        made.flagged,
        made.meter.rows,
    )


def _lock(
    connection: BaseDatabaseWrapper, sql: ModuleType, keys: list[str], terms: Terms, *, wait: bool
) -> tuple[dict[str, StreamRow], set[str]]:
    """Locks the streams, making those of new users. Returns them, and the keys that others hold."""
    streams: dict[str, StreamRow] = sql.lock_streams(connection, keys, wait=wait)
    missing = [key for key in keys if key not in streams]
    if not missing:
        return streams, set()
    if wait and len(keys) > 1:
        # Whoever waits takes one key after the other, new or known, or two who meet new users wait for each other.
        for key in keys:
            streams |= _lock(connection, sql, [key], terms, wait=True)[0]
        return streams, set()
    claimed = sql.claim(connection, missing, wait=wait)
    busy = set(missing) - claimed
    existing = set(Stream.objects.using(connection.alias).filter(key__in=claimed).values_list("key", flat=True))
    new = set(terms.existing(claimed - existing))
    create_streams(connection, sorted(new))
    again = sorted(new | existing)
    if again:
        streams |= sql.lock_streams(connection, again, wait=wait)
    return streams, set() if wait else busy | {key for key in again if key not in streams}


def create_streams(connection: BaseDatabaseWrapper, keys: Iterable[str]) -> None:
    """Makes empty streams with new epochs. The caller holds the claim on their keys."""
    Stream.objects.using(connection.alias).bulk_create([Stream(key=key, epoch=new_epoch()) for key in keys])


def _load_runs(
    connection: BaseDatabaseWrapper, sql: ModuleType, units: Iterable[Unit], *, wait: bool
) -> tuple[dict[str, RunRow], set[str]]:
    """The stored runs that the units name, and the new ones that somebody else is just making."""
    ids = {entry.run for unit in units for entry in unit.entries}
    runs: dict[str, RunRow] = sql.select_runs(connection, ids) if ids else {}
    new = ids - runs.keys()
    if not new:
        return runs, set()
    claimed = sql.claim(connection, [f"run {run}" for run in new], wait=wait)
    if connection.vendor == "postgresql":
        runs |= sql.select_runs(connection, new)
    return runs, {run for run in new - runs.keys() if f"run {run}" not in claimed}


def _load_known(connection: BaseDatabaseWrapper, units: Iterable[Unit]) -> dict[tuple[str, UUID], Known]:
    """Stored events whose ids may come again: given by callers, or of a try whose commit was never confirmed."""
    asked: dict[str, list[UUID]] = defaultdict(list)
    for unit in units:
        for entry in unit.entries:
            if entry.given or unit.retried:
                asked[entry.stream].append(entry.event_id)
    known: dict[tuple[str, UUID], Known] = {}
    for stream, ids in asked.items():
        rows = Event.objects.using(connection.alias).filter(stream=stream, event_id__in=ids)
        for event_id, seq, digest, after_end, body in rows.values_list(
            "event_id", "seq", "digest", "after_end", "body"
        ):
            known[stream, event_id] = Known(seq, bytes(digest), after_end, body)
    return known


def _write(connection: BaseDatabaseWrapper, sql: ModuleType, made: Plan, streams: dict[str, StreamRow]) -> None:
    if not made.events:
        return
    metrics.ENCODES.inc(len(made.events))
    sql.insert_events(connection, made.events)
    heads = {key: head for key, head in made.heads.items() if head != streams[key].head}
    sql.raise_heads(connection, heads, made.open_calls)
    runs = Run.objects.using(connection.alias)
    if made.new_runs:
        runs.bulk_create([Run(id=run, **asdict(row)) for run, row in made.new_runs.items()])
    if made.changed_runs:
        changed = [Run(id=run, **asdict(row)) for run, row in made.changed_runs.items()]
        runs.bulk_update(changed, ["state", "started", "last_seq", "ended_at"])
    if made.meter.rows:
        write_usage(connection, made.meter)


def _growth(made: Plan, streams: dict[str, StreamRow]) -> list[Growth]:
    """One entry a stream that has grown, also in an earlier try that was committed without anybody knowing."""
    rows: dict[str, list[EventRow]] = defaultdict(list)
    for row in made.events:
        rows[row.stream].append(row)
    grown = [
        Growth(key, streams[key].epoch, new[0].seq, new[-1].seq, [row.body for row in new]) for key, new in rows.items()
    ]
    for key in {stream for stream, _ in made.recovered} - rows.keys():
        grown.append(Growth(key, streams[key].epoch, streams[key].head, streams[key].head, []))
    return grown
