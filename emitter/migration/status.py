"""Where each adapter stands: its mode, and how its calls went since that was set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, Max, Sum

from emitter.conf import conf
from emitter.migration import history, senders
from emitter.migration.modes import ADAPTERS, Setting
from emitter.models import AdapterTally, ShadowDifference

COUNTS = ("calls", "failures", "differences")
#: Rows of differences that are told of each adapter.
MOST = 10
MINUTE = "%Y-%m-%d %H:%M"


class Kept(NamedTuple):
    """Stored differences of one method in the same thing."""

    method: str
    kind: str
    what: str
    calls: int
    last: datetime


@dataclass(frozen=True, slots=True)
class Status:
    """One adapter. ``ways`` are the calls by mode; ``kinds`` the stored differences."""

    setting: Setting
    sender: bool
    counts: Mapping[str, int]
    ways: Mapping[str, int]
    kinds: Sequence[Kept] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        kinds = [{**one._asdict(), "last": one.last.isoformat()} for one in self.kinds]
        told = {**self.setting.as_json(), "sender": self.sender, **self.counts, "calls_by_mode": dict(self.ways)}
        return {**told, "stored_differences": kinds}

    def remarks(self) -> Iterator[str]:
        """What does not fit into a row of the table."""
        adapter = self.setting.adapter
        if self.setting.reason:
            yield f"{adapter}: {self.setting.reason}"
        if self.setting.uniform is None and self.ways:
            yield f"{adapter}: {', '.join(f'{calls:,} calls in {mode}' for mode, calls in self.ways.items())}"
        for one in self.kinds:
            yield f"{adapter}.{one.method}: {one.what} ({one.calls:,} kept, the last of {one.last:{MINUTE}})"


def statuses() -> Iterator[Status]:
    """Every adapter, in the order of ``ADAPTERS``."""
    settings = history.settings()
    for adapter in ADAPTERS:
        setting = settings.get(adapter, Setting(adapter))
        by_mode: dict[str, dict[str, Any]] = {row["mode"]: row for row in _sums(setting)}
        counts = {name: sum(row[name] for row in by_mode.values()) for name in COUNTS}
        ways = {mode: row["calls"] for mode, row in by_mode.items()}
        yield Status(setting, senders.is_registered(adapter), counts, ways, _kinds(adapter))


def _sums(setting: Setting) -> Iterable[Any]:
    rows = AdapterTally.objects.using(conf.database).filter(adapter=setting.adapter, change=setting.change)
    return rows.order_by("mode").values("mode").annotate(**{name: Sum(name) for name in COUNTS})


def _kinds(adapter: str) -> list[Kept]:
    rows = ShadowDifference.objects.using(conf.database).filter(adapter=adapter).order_by()
    found = rows.values_list("method", "kind", "what").annotate(calls=Count("id"), last=Max("at"))
    return [Kept(*one) for one in found.order_by("-last", "method", "what")[:MOST]]


def table(found: Sequence[Status]) -> Iterator[str]:
    """Lines for a person."""
    rows: list[tuple[str, ...]] = [("adapter", "mode", "since", "by", "old sender", *COUNTS)]
    for one in found:
        since = f"{one.setting.since:{MINUTE}}" if one.setting.since else "always"
        numbers = [f"{one.counts[name]:,}" for name in COUNTS]
        sender = "registered" if one.sender else "none"
        rows.append((one.setting.adapter, str(one.setting), since, one.setting.by or "-", sender, *numbers))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.rjust(width) if place >= len(row) - len(COUNTS) else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
    for one in found:
        yield from one.remarks()
