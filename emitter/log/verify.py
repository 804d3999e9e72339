"""Proof of the log: reads one stream whole and names every breach of what the log promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.db import connections

from emitter.conf import conf
from emitter.log.append import dialect
from emitter.models import Device, Event, Run, Stream

CHUNK = 1_000


@dataclass(slots=True)
class Report:
    """What was read, and the faults in words."""

    events: int = 0
    faults: list[str] = field(default_factory=list)


def streams() -> list[str]:
    """The user keys of all that the log holds, also where the stream's own row is gone."""
    keys = Stream.objects.using(conf.database).values_list("key", flat=True)
    return sorted(keys.union(Event.objects.using(conf.database).values_list("stream", flat=True)))


def faults_of(key: str) -> Report:
    """Reads the stream of ``key`` in order of its numbers and compares it with its head, runs and devices.

    All is read as of one moment, so emits may go on meanwhile.
    """
    connection = connections[conf.database]
    with dialect(connection).snapshot(connection):
        return _report(key)


def _report(key: str) -> Report:
    report = Report()
    stream = Stream.objects.using(conf.database).filter(key=key).first() or Stream(key=key)
    expected = stream.pruned_to
    runs: set[str] = set()
    rows = Event.objects.using(conf.database).filter(stream=key).order_by("seq")
    for row in rows.iterator(CHUNK):
        report.events += 1
        runs.add(row.run)
        if row.seq <= stream.pruned_to:
            report.faults.append(f"#{row.seq} is there, and the stream says that all up to #{stream.pruned_to} went")
            continue
        expected += 1
        if row.seq != expected:
            report.faults.append(f"#{expected} to #{row.seq - 1} are missing")
            expected = row.seq
        report.faults.extend(_faults_of_text(row))
    if expected != stream.head:
        report.faults.append(f"the head is #{stream.head} and the last event #{expected}")
    report.faults.extend(_faults_of_runs(key, runs))
    report.faults.extend(_faults_of_devices(stream))
    return report


def _faults_of_text(row: Event) -> Iterator[str]:
    try:
        body = msgspec.json.decode(row.body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        yield f"#{row.seq}: its text is not JSON: {error}"
        return
    columns = {"seq": row.seq, "id": str(row.event_id), "run_id": row.run, "type": row.type}
    for name, value in columns.items():
        if body.get(name) != value:
            yield f"#{row.seq}: its text says {name} {body.get(name)!r} and its row {value!r}"


def _faults_of_runs(key: str, runs: set[str]) -> Iterator[str]:
    names = sorted(runs)
    owners: dict[str, str] = {}
    for start in range(0, len(names), CHUNK):
        some = Run.objects.using(conf.database).filter(id__in=names[start : start + CHUNK])
        owners |= dict(some.values_list("id", "stream"))
    for run in names:
        if run not in owners:
            yield f"run {run}: has events and no row"
        elif owners[run] != key:
            yield f"run {run}: belongs to {owners[run]!r} and has events here"


def _faults_of_devices(stream: Stream) -> Iterator[str]:
    for device in Device.objects.using(conf.database).filter(stream=stream.key, epoch=stream.epoch):
        if device.position > stream.head:
            yield f"device {device.name}: acknowledged #{device.position}, above the head #{stream.head}"
