"""Numbering, without I/O: given what is stored, what does a batch add?

A unit is checked whole before any of its entries gets a number, so a refused unit leaves no hole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import msgspec

from emitter import wire
from emitter.errors import EmitterError, EventRefused
from emitter.events import FINAL
from emitter.log.entry import Entry, Receipt, Unit

RUNNING = "running"


@dataclass(frozen=True, slots=True)
class StreamRow:
    """A locked stream."""

    epoch: str
    head: int


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as stored, or as this batch makes it."""

    stream: str
    thread: str
    agent: str
    state: str
    first_seq: int
    started_at: datetime | None = None
    last_seq: int | None = None
    ended_at: datetime | None = None


class EventRow(msgspec.Struct, frozen=True, gc=False):
    """One row to insert, in the order of the table's columns."""

    stream: str
    seq: int
    event_id: UUID
    digest: bytes
    run: str
    type: str
    after_end: bool
    created_at: datetime
    body: str


class Known(msgspec.Struct, frozen=True, gc=False):
    """An event that is stored already."""

    seq: int
    digest: bytes
    after_end: bool
    body: str


Outcome = list[Receipt] | EmitterError


@dataclass(slots=True)
class Plan:
    """What to write, and what to answer each unit. Built by :func:`plan`."""

    heads: dict[str, int]
    events: list[EventRow] = field(default_factory=list)
    new_runs: dict[str, RunRow] = field(default_factory=dict)
    ended_runs: dict[str, RunRow] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    #: How many events of each type came in by each source.
    stored: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: Events of a retried unit that turned out to be committed: nobody has rung for them yet.
    recovered: list[tuple[str, Known]] = field(default_factory=list)


def plan(
    units: Iterable[Unit],
    streams: Mapping[str, StreamRow],
    runs: Mapping[str, RunRow],
    known: Mapping[tuple[str, UUID], Known],
) -> Plan:
    """Numbers what is new in ``units``, in their order.

    ``streams`` holds every stream of the batch, locked, but for users that do not exist; ``runs`` the stored runs that
    the batch names; ``known`` the stored events whose ids may come again.
    """
    made = Plan(heads={key: row.head for key, row in streams.items()})
    every_run, every_event = dict(runs), dict(known)
    for unit in units:
        try:
            _check(unit, streams, every_run, every_event)
        except EventRefused as refusal:
            made.outcomes.append(refusal)
            continue
        made.outcomes.append([_number(entry, unit, made, every_run, every_event) for entry in unit.entries])
    return made


def _check(
    unit: Unit,
    streams: Mapping[str, StreamRow],
    runs: Mapping[str, RunRow],
    known: Mapping[tuple[str, UUID], Known],
) -> None:
    """Refuses the unit for its first bad entry, also when that contradicts an earlier entry of the same unit."""
    owners: dict[str, tuple[str, str]] = {}
    digests: dict[tuple[str, UUID], bytes] = {}
    for index, entry in enumerate(unit.entries):
        if entry.stream not in streams:
            raise EventRefused("unknown_user", f"No user has the key {entry.stream!r}.", index=index)
        run = runs.get(entry.run)
        owner = (run.stream, run.thread) if run is not None else (entry.stream, entry.thread or entry.run)
        _check_run(entry, *owners.setdefault(entry.run, owner), index)
        before = known.get((entry.stream, entry.event_id))
        digest = entry.digest if before is None else before.digest
        if digests.setdefault((entry.stream, entry.event_id), digest) != entry.digest:
            raise EventRefused(
                "event_id_conflict",
                f"Event id {entry.event_id} stands for other content already; give new content a new id.",
                index=index,
            )


def _check_run(entry: Entry, stream: str, thread: str, index: int) -> None:
    if stream != entry.stream:
        raise EventRefused("run_owned", f"Run {entry.run!r} belongs to another user; use a new run id.", index=index)
    if entry.thread not in (None, thread):
        raise EventRefused(
            "run_thread", f"Run {entry.run!r} belongs to thread {thread!r}, not {entry.thread!r}.", index=index
        )


def _number(
    entry: Entry,
    unit: Unit,
    made: Plan,
    runs: dict[str, RunRow],
    known: dict[tuple[str, UUID], Known],
) -> Receipt:
    before = known.get((entry.stream, entry.event_id))
    if before is not None:
        ours = unit.retried and not entry.given
        if ours:
            made.recovered.append((entry.stream, before))
        return Receipt(entry.event_id, before.seq, duplicate=not ours, after_end=before.after_end)
    seq = made.heads[entry.stream] = made.heads[entry.stream] + 1
    run, after_end = _advance_run(entry, seq, made, runs)
    body = wire.encode_event(
        wire.EventFrame(
            type=entry.type,
            seq=seq,
            id=str(entry.event_id),
            run_id=entry.run,
            thread_id=run.thread,
            agent_name=entry.agent,
            timestamp=f"{entry.created_at.isoformat(timespec='milliseconds')[:-6]}Z",
            payload=msgspec.Raw(entry.payload),
            after_end=after_end,
            source=entry.source,
        )
    )
    made.stored[entry.type, entry.source] += 1
    known[entry.stream, entry.event_id] = Known(seq, entry.digest, after_end, body)
    made.events.append(
        EventRow(
            entry.stream,
            seq,
            entry.event_id,
            entry.digest,
            entry.run,
            entry.type,
            after_end,
            entry.created_at,
            body,
        )
    )
    return Receipt(entry.event_id, seq, after_end=after_end)


def _advance_run(entry: Entry, seq: int, made: Plan, runs: dict[str, RunRow]) -> tuple[RunRow, bool]:
    """Opens or ends the entry's run. Returns the run and whether it had ended before this entry."""
    run = runs.get(entry.run)
    if run is None:
        run = RunRow(entry.stream, entry.thread or entry.run, entry.agent, RUNNING, seq, entry.created_at)
        runs[entry.run] = made.new_runs[entry.run] = run
    if run.state != RUNNING:
        return run, True
    if entry.type in FINAL:
        ended = replace(run, state=ended_state(entry), last_seq=seq, ended_at=entry.created_at)
        written = made.new_runs if entry.run in made.new_runs else made.ended_runs
        runs[entry.run] = written[entry.run] = ended
    return run, False


def ended_state(entry: Entry) -> str:
    """The state in which a final event leaves its run."""
    if entry.type == "agent_completed":
        return "cancelled" if wire.payload_status(entry.payload) == "cancelled" else "completed"
    return "failed" if entry.type == "agent_error" else "died"
