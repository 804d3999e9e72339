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
from emitter.log.life import RUNNING, Lives, Rules
from emitter.log.meter import Meter


@dataclass(frozen=True, slots=True)
class StreamRow:
    """A locked stream."""

    epoch: str
    head: int
    #: What :class:`OpenCalls` reads.
    open_calls: str = ""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as stored, or as this batch makes it."""

    stream: str
    thread: str
    agent: str
    state: str
    first_seq: int
    #: Whether ``agent_started`` came.
    started: bool = True
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
    #: Stored runs that end now, or of which ``agent_started`` comes only now.
    changed_runs: dict[str, RunRow] = field(default_factory=dict)
    #: Texts to write, by stream.
    open_calls: dict[str, str] = field(default_factory=dict)
    #: Events that were stored although something was wrong with them, by what.
    flagged: Counter[str] = field(default_factory=Counter)
    outcomes: list[Outcome] = field(default_factory=list)
    #: How many events of each type, source and tier are new, and how many were left out by each code and tier.
    stored: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: Events of a retried unit that turned out to be committed: nobody has rung for them yet.
    recovered: list[tuple[str, Known]] = field(default_factory=list)
    meter: Meter = field(default_factory=Meter)


def plan(
    units: Iterable[Unit],
    streams: Mapping[str, StreamRow],
    runs: Mapping[str, RunRow],
    known: Mapping[tuple[str, UUID], Known],
    meter: Meter | None = None,
    rules: Rules | None = None,
) -> Plan:
    """Numbers what is new in ``units``, in their order.

    ``streams`` holds every stream of the batch, locked, but for users that do not exist; ``runs`` the stored runs that
    the batch names; ``known`` the stored events whose ids may come again; ``meter`` counts the tokens of what is new.
    """
    made = Plan(heads={key: row.head for key, row in streams.items()}, meter=meter or Meter())
    every_run, every_event = dict(runs), dict(known)
    lives = Lives(rules, streams)
    for unit in units:
        try:
            _check(unit, streams, every_run, every_event)
            lives.check(unit, every_run, every_event)
        except EventRefused as refusal:
            made.outcomes.append(refusal)
            continue
        made.outcomes.append([_number(entry, unit, made, every_run, every_event, lives) for entry in unit.entries])
    made.open_calls = lives.changed_texts()
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
    lives: Lives,
) -> Receipt:
    before = known.get((entry.stream, entry.event_id))
    if before is not None:
        ours = unit.retried and not entry.given
        if ours:
            made.recovered.append((entry.stream, before))
        flags = wire.event_flags(before.body)
        return Receipt(entry.event_id, before.seq, duplicate=not ours, after_end=before.after_end, flags=flags)
    if entry.drop is not None:
        made.dropped[entry.drop, entry.tier] += 1
        return Receipt(entry.event_id, None, dropped=entry.drop)
    seq = made.heads[entry.stream] = made.heads[entry.stream] + 1
    faults = lives.go_on(entry, runs.get(entry.run))
    run, after_end = _advance_run(entry, seq, made, runs)
    flags = (*entry.flags, *faults) if faults else entry.flags
    if flags or after_end:
        made.flagged.update((*flags, "after_end") if after_end else flags)
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
            flags=flags,
            source=entry.source,
        )
    )
    known[entry.stream, entry.event_id] = Known(seq, entry.digest, after_end, body)
    made.stored[entry.type, entry.source, entry.tier] += 1
    if entry.usage is not None:
        made.meter.count(entry, seq)
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
    return Receipt(entry.event_id, seq, after_end=after_end, flags=flags)


def _advance_run(entry: Entry, seq: int, made: Plan, runs: dict[str, RunRow]) -> tuple[RunRow, bool]:
    """Opens, starts or ends the entry's run. Returns the run and whether it had ended before this entry."""
    run = runs.get(entry.run)
    starts = entry.type == "agent_started"
    if run is None:
        run = RunRow(entry.stream, entry.thread or entry.run, entry.agent, RUNNING, seq, starts, entry.created_at)
        runs[entry.run] = made.new_runs[entry.run] = run
    if run.state != RUNNING:
        return run, True
    if starts and not run.started:
        run = _changed(entry.run, replace(run, started=True), made, runs)
    if entry.type in FINAL:
        _changed(entry.run, replace(run, state=ended_state(entry), last_seq=seq, ended_at=entry.created_at), made, runs)
    return run, False


def _changed(name: str, run: RunRow, made: Plan, runs: dict[str, RunRow]) -> RunRow:
    written = made.new_runs if name in made.new_runs else made.changed_runs
    runs[name] = written[name] = run
    return run


def ended_state(entry: Entry) -> str:
    """The state in which a final event leaves its run."""
    if entry.type == "agent_completed":
        return "cancelled" if wire.payload_status(entry.payload) == "cancelled" else "completed"
    return "failed" if entry.type == "agent_error" else "died"
