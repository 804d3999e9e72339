"""Proof of the totals: calculates tokens and cost anew from a user's events, and names every digit that differs.

The texts of the events are held against what was counted of each, that against the totals of its run, and that against
the roll-up. A cost is calculated anew where the list that it is from is the one at hand; elsewhere it stands as it was
stored with its event. What was pruned cannot be calculated: runs and days that it had a part in are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar

import msgspec
from django.db import connections

from emitter import log
from emitter.conf import conf
from emitter.errors import EventRefused
from emitter.log.entry import Entry, Reported
from emitter.log.meter import Meter, Totals
from emitter.log.usage import day_of, totals_of
from emitter.log.verify import CHUNK, Report
from emitter.metering import prices
from emitter.metering.usage import reported_by
from emitter.models import DailyUsage, Event, EventUsage, RollUp, Run, RunUsage, Stream, Used

Row = TypeVar("Row", bound=Used)
Place = tuple[Any, ...]
REDACTED = {"redacted": True}


def faults_of(key: str) -> Report:
    """Holds all totals of the stream of ``key`` against its events, as of one moment; emits may go on meanwhile."""
    connection = connections[conf.database]
    with log.dialect(connection).snapshot(connection):
        stream = Stream.objects.using(conf.database).filter(key=key).first() or Stream(key=key)
        rows = list(EventUsage.objects.using(conf.database).filter(stream=key))
        runs = Run.objects.using(conf.database).filter(stream=key, first_seq__gt=stream.pruned_to)
        whole = set(runs.values_list("id", flat=True))
        report = Report()
        report.faults.extend(_faults_of_events(stream, [row for row in rows if row.run in whole], whole, report))
        report.faults.extend(_faults_of_runs(key, rows, whole))
        report.faults.extend(_faults_of_days(key, rows))
    return report


def _faults_of_events(stream: Stream, rows: list[EventUsage], whole: set[str], report: Report) -> Iterator[str]:
    """What the texts tell of, one event after the other, against what was counted of each."""
    by_seq: dict[int, list[EventUsage]] = defaultdict(list)
    for row in rows:
        by_seq[row.seq].append(row)
    meter = Meter(price=prices.listed_price)
    events = Event.objects.using(conf.database).filter(stream=stream.key, seq__gt=stream.pruned_to).order_by("seq")
    for event in events.iterator(CHUNK):
        report.events += 1
        stored = by_seq.pop(event.seq, [])
        if event.run in whole:
            yield from _faults_of_event(event, stored, meter)
    for seq in sorted(by_seq):
        yield f"#{seq}: usage was counted of it and the event is not there"


def _faults_of_event(event: Event, stored: list[EventUsage], meter: Meter) -> Iterator[str]:
    body = msgspec.json.decode(event.body, type=dict[str, Any])
    try:
        reported = reported_by(event.type, body["payload"])
        whole = body["payload"] != REDACTED
    except EventRefused:  # Cleaning has shortened its list of calls.
        whole = False
    if not whole:
        for row in stored:
            meter.add(row.stream, row.run, row.model, totals_of(row))
        return
    told = len(meter.rows)
    if reported is not None:
        meter.count(_entry(event, body["agent_name"], reported), event.seq)
    counted = {(row.model,): row.totals for row in meter.rows[told:]}
    for row in stored:
        if row.priced_by != prices.list_name() and (row.model,) in counted:
            # Its price list is not at hand.
            counted[row.model,] = replace(counted[row.model,], cost_usd=row.cost_usd, unpriced=row.unpriced)
    yield from _differences(f"#{event.seq}", counted, _sums(stored, lambda row: (row.model,)))


def _entry(event: Event, agent: str, reported: Reported) -> Entry:
    return Entry(
        stream=event.stream,
        run=event.run,
        thread=None,
        agent=agent,
        type=event.type,
        event_id=event.event_id,
        given=True,
        digest=b"",
        payload=b"",
        created_at=event.created_at,
        usage=reported,
    )


def _faults_of_runs(key: str, rows: Iterable[EventUsage], whole: set[str]) -> Iterator[str]:
    stored = RunUsage.objects.using(conf.database).filter(stream=key)
    events = [row for row in rows if row.run in whole]
    runs = [row for row in stored if row.run in whole]
    told = _sums(events, lambda row: (row.run, row.model))
    yield from _differences("run", told, _sums(runs, lambda row: (row.run, row.model)))


def _faults_of_days(key: str, rows: Iterable[EventUsage]) -> Iterator[str]:
    """A user's tier may change and an event's does not tell it, so the tiers of a day are taken together."""
    position = RollUp.objects.using(conf.database).filter(stream=key).first() or RollUp(stream=key)
    pruned = position.pruned_day or date.min
    days = DailyUsage.objects.using(conf.database).filter(stream=key, day__gt=pruned)
    rolled = [row for row in rows if row.seq <= position.seq and day_of(row.created_at) > pruned]
    events = _sums(rolled, lambda row: (day_of(row.created_at), row.agent, row.model))
    yield from _differences("day", events, _sums(days, lambda row: (row.day, row.agent, row.model)))


def _sums(rows: Iterable[Row], place_of: Callable[[Row], Place]) -> dict[Place, Totals]:
    sums: dict[Place, Totals] = {}
    for row in rows:
        place = place_of(row)
        sums[place] = sums.get(place, Totals()) + totals_of(row)
    return sums


def _differences(what: str, events: Mapping[Place, Totals], stored: Mapping[Place, Totals]) -> Iterator[str]:
    for place in sorted({*events, *stored}):
        tell, say = events.get(place, Totals()), stored.get(place, Totals())
        if tell != say:
            yield f"{what} {', '.join(map(str, place))}: the events tell {_shown(tell)} and stored is {_shown(say)}"


def _shown(totals: Totals) -> str:
    cost = "no price" if totals.cost_usd is None else f"{totals.cost_usd:f} USD"
    return f"{totals.calls} calls, {totals.input_tokens} in, {totals.output_tokens} out, {cost}"
