"""What a commit did, told to the metrics."""

from __future__ import annotations

from collections import Counter

from emitter import metrics
from emitter.events import KNOWN_TYPES
from emitter.log.append import Appended
from emitter.log.meter import UsageRow
from emitter.metering import prices


def count(appended: Appended) -> None:
    """Counts what was stored, left out, flagged and used."""
    for (event_type, source, tier), number in appended.stored.items():
        label = event_type if event_type in KNOWN_TYPES else "custom"
        metrics.EVENTS.labels(type=label, source=source, tier=tier).inc(number)
    for flag, number in appended.flagged.items():
        metrics.FLAGGED.labels(flag=flag).inc(number)
    count_dropped(appended.dropped)
    for used in appended.usage:
        _count_usage(used)


def count_dropped(numbers: Counter[tuple[str, str]]) -> None:
    """Counts what tiers left out, by code and tier."""
    for (code, tier), number in numbers.items():
        metrics.DROPPED.labels(code=code, tier=tier).inc(number)


def _count_usage(used: UsageRow) -> None:
    model, totals = prices.label_of(used.model), used.totals
    metrics.TOKENS.labels(model=model, direction="input").inc(totals.input_tokens)
    metrics.TOKENS.labels(model=model, direction="output").inc(totals.output_tokens)
    metrics.UNPRICED.inc(totals.unpriced)
    if totals.cost_usd is not None:
        metrics.COST.labels(model=model).inc(float(totals.cost_usd))
