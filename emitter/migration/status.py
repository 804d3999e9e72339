"""Where each adapter stands: its mode, and how its calls went since that was set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    """One adapter. ``kinds`` are the stored differences: method, kind, what and how many."""

    setting: Setting
    sender: bool
    counts: Mapping[str, int]
    kinds: Sequence[tuple[str, str, str, int]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        kinds = [dict(zip(("method", "kind", "what", "calls"), one, strict=True)) for one in self.kinds]
        return {**self.setting.as_json(), "sender": self.sender, **self.counts, "stored_differences": kinds}


def statuses() -> Iterator[Status]:
    """Every adapter, in the order of ``ADAPTERS``."""
    settings = history.settings()
    for adapter in ADAPTERS:
        setting = settings.get(adapter, Setting(adapter))
        yield Status(setting, senders.is_registered(adapter), _counts(setting), _kinds(adapter))


def _counts(setting: Setting) -> dict[str, int]:
    rows = AdapterTally.objects.using(conf.database).filter(adapter=setting.adapter, change=setting.change)
    sums = rows.aggregate(**{name: Sum(name) for name in COUNTS})
    return {name: sums[name] or 0 for name in COUNTS}


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
        for method, kind, what, calls in one.kinds:
            yield f"{one.setting.adapter}.{method}: {kind}, {what} ({calls:,} kept)"
