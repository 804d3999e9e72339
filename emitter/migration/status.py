"""Where each adapter stands: its mode, and how its calls went since that was set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Sum

from emitter.conf import conf
from emitter.migration import history, senders
from emitter.migration.modes import ADAPTERS, Setting
from emitter.models import AdapterTally, ShadowDifference

COUNTS = ("calls", "failures", "differences")
#: Rows of differences that are told of each adapter.
MOST = 10


@dataclass(frozen=True, slots=True)
class Status:
    """One adapter. ``ways`` are the calls by mode; ``kinds`` the stored differences: method, kind, what, how many."""

    setting: Setting
    sender: bool
    counts: Mapping[str, int]
    ways: Mapping[str, int]
    kinds: Sequence[tuple[str, str, str, int]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        kinds = [dict(zip(("method", "kind", "what", "calls"), one, strict=True)) for one in self.kinds]
        told = {**self.setting.as_json(), "sender": self.sender, **self.counts, "calls_by_mode": dict(self.ways)}
        return {**told, "stored_differences": kinds}

    def remarks(self) -> Iterator[str]:
        """What does not fit into a row of the table."""
        adapter = self.setting.adapter
        if self.setting.reason:
            yield f"{adapter}: {self.setting.reason}"
        if self.setting.uniform is None and self.ways:
            yield f"{adapter}: {', '.join(f'{calls:,} calls in {mode}' for mode, calls in self.ways.items())}"
        for method, _, what, calls in self.kinds:
            yield f"{adapter}.{method}: {what} ({calls:,} kept)"


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


def _kinds(adapter: str) -> list[tuple[str, str, str, int]]:
    rows = ShadowDifference.objects.using(conf.database).filter(adapter=adapter).order_by()
    found = rows.values_list("method", "kind", "what").annotate(calls=Count("id")).order_by("-calls", "method", "what")
    return list(found[:MOST])


def table(found: Sequence[Status]) -> Iterator[str]:
    """Lines for a person."""
    rows: list[tuple[str, ...]] = [("adapter", "mode", "since", "by", "old sender", *COUNTS)]
    for one in found:
        since = f"{one.setting.since:%Y-%m-%d %H:%M}" if one.setting.since else "always"
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
