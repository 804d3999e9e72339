"""Numbering, without I/O: given what is stored, what does a batch add?

A unit is checked whole before any of its entries gets a number, so a refused unit leaves no hole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

import msgspec

from emitter import wire
from emitter.errors import EventRefused
from emitter.events import FINAL
from emitter.log.entry import Entry, Outcome, Receipt, Unit
from emitter.log.life import RUNNING, Lives, Rules
from emitter.log.meter import Meter
from emitter.log.rows import EventRow, Known, RunRow, StreamRow


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
    numbering = _Numbering(made, streams, dict(runs), dict(known), Lives(rules, streams))
    for unit in units:
        try:
            numbering.check(unit)
        except EventRefused as refusal:
            made.outcomes.append(refusal)
        else:
            made.outcomes.append([numbering.number(entry, unit) for entry in unit.entries])
    made.open_calls = numbering.lives.changed_texts()
    return made


class _Numbering:
    """What is known of the batch's streams, runs and events as it goes on: the stored ones, and those that it makes."""

    def __init__(
        self,
        made: Plan,
        streams: Mapping[str, StreamRow],
        runs: dict[str, RunRow],
        known: dict[tuple[str, UUID], Known],
        lives: Lives,
    ) -> None:
        self._made = made
        self._streams = streams
        self._runs = runs
        self._known = known
        self.lives = lives

    def check(self, unit: Unit) -> None:
        """Refuses the unit for its first bad entry, also when that contradicts an earlier entry of the same unit."""
        owners: dict[str, tuple[str, str]] = {}
        digests: dict[tuple[str, UUID], bytes] = {}
        for index, entry in enumerate(unit.entries):
            if entry.stream not in self._streams:
                raise EventRefused("unknown_user", f"No user has the key {entry.stream!r}.", index=index)
            run = self._runs.get(entry.run)
            owner = (run.stream, run.thread) if run is not None else (entry.stream, entry.thread or entry.run)
            _check_run(entry, *owners.setdefault(entry.run, owner), index)
            before = self._known.get((entry.stream, entry.event_id))
            digest = entry.digest if before is None else before.digest
            if digests.setdefault((entry.stream, entry.event_id), digest) != entry.digest:
                raise EventRefused(
                    "event_id_conflict",
                    f"Event id {entry.event_id} stands for other content already; give new content a new id.",
                    index=index,
                )
        self.lives.check(unit, self._runs, self._known)

    def number(self, entry: Entry, unit: Unit) -> Receipt:
        """Gives an entry of a checked unit its number, unless it has one already or is left out."""
        made = self._made
        before = self._known.get((entry.stream, entry.event_id))
        if before is not None:
            return self._again(entry, unit, before)
        if entry.drop is not None:
            made.dropped[entry.drop, entry.tier] += 1
            return Receipt(entry.event_id, None, dropped=entry.drop)
        seq = made.heads[entry.stream] = made.heads[entry.stream] + 1
        faults = self.lives.go_on(entry, self._runs.get(entry.run))
        run, after_end = self._advance_run(entry, seq)
        flags = (*entry.flags, *faults) if faults else entry.flags
        if flags or after_end:
            made.flagged.update((*flags, "after_end") if after_end else flags)
        row = _row(entry, seq, run.thread, after_end, flags)
        made.events.append(row)
        made.stored[entry.type, entry.source, entry.tier] += 1
        if entry.usage is not None:
            made.meter.count(entry, seq)
        self._known[entry.stream, entry.event_id] = Known(seq, entry.digest, after_end, row.body)
        return Receipt(entry.event_id, seq, after_end=after_end, flags=flags)

    def _again(self, entry: Entry, unit: Unit, before: Known) -> Receipt:
        """The receipt of what is stored: for a repetition, or for our own earlier try that was never confirmed."""
        ours = unit.retried and not entry.given
        if ours:
            self._made.recovered.append((entry.stream, before))
        flags = wire.event_flags(before.body)
        return Receipt(entry.event_id, before.seq, duplicate=not ours, after_end=before.after_end, flags=flags)

    def _advance_run(self, entry: Entry, seq: int) -> tuple[RunRow, bool]:
        """Opens, starts or ends the entry's run. Returns the run and whether it had ended before this entry."""
        run = self._runs.get(entry.run)
        starts = entry.type == "agent_started"
        if run is None:
            run = RunRow(entry.stream, entry.thread or entry.run, entry.agent, RUNNING, seq, starts, entry.created_at)
            self._runs[entry.run] = self._made.new_runs[entry.run] = run
        if run.state != RUNNING:
            return run, True
        if starts and not run.started:
            run = self._change(entry.run, replace(run, started=True))
        if entry.type in FINAL:
            self._change(entry.run, replace(run, state=ended_state(entry), last_seq=seq, ended_at=entry.created_at))
        return run, False

    def _change(self, name: str, run: RunRow) -> RunRow:
        written = self._made.new_runs if name in self._made.new_runs else self._made.changed_runs
        self._runs[name] = written[name] = run
        return run


def _check_run(entry: Entry, stream: str, thread: str, index: int) -> None:
    if stream != entry.stream:
        raise EventRefused("run_owned", f"Run {entry.run!r} belongs to another user; use a new run id.", index=index)
    if entry.thread not in (None, thread):
        raise EventRefused(
            "run_thread", f"Run {entry.run!r} belongs to thread {thread!r}, not {entry.thread!r}.", index=index
        )


def _row(entry: Entry, seq: int, thread: str, after_end: bool, flags: tuple[str, ...]) -> EventRow:
    """The row of an event, with its one text."""
    body = wire.encode_event(
        wire.EventFrame(
            type=entry.type,
            seq=seq,
            id=str(entry.event_id),
            run_id=entry.run,
            thread_id=thread,
            agent_name=entry.agent,
            timestamp=f"{entry.created_at.isoformat(timespec='milliseconds')[:-6]}Z",
            payload=msgspec.Raw(entry.payload),
            after_end=after_end,
            flags=flags,
            source=entry.source,
        )
    )
    return EventRow(
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


def ended_state(entry: Entry) -> str:
    """The state in which a final event leaves its run."""
    if entry.type == "agent_completed":
        return "cancelled" if wire.payload_status(entry.payload) == "cancelled" else "completed"
    return "failed" if entry.type == "agent_error" else "died"
