"""Counting tokens and cost, without I/O: given what was counted of a run, what does an event add?

It counts an event when that gets its number, so what is stored once is counted once: a repeated id, a refused unit and
a transaction that is rolled back add nothing. What comes after the end of its run was spent all the same and counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from emitter.events import Usage
from emitter.fields import MOST_USD
from emitter.log.entry import Entry


class Priced(NamedTuple):
    """What a call cost, and by which price list."""

    usd: Decimal
    by: str


Price = Callable[[Usage, datetime], Priced | None]
"""What does a call cost at that moment? ``None``: nobody knows."""


def unpriced(call: Usage, at: datetime) -> None:
    """The price of whoever knows no prices."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over calls: ``cost_usd`` of those with a price, ``None`` without any; ``unpriced`` counts those without.

    A cost stays at ``MOST_USD``, which is the most that can be stored.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal | None = None
    unpriced: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            _sum(self.cost_usd, other.cost_usd),
            self.unpriced + other.unpriced,
        )


class UsageRow(msgspec.Struct, frozen=True, gc=False):
    """What one event adds for one model."""

    stream: str
    seq: int
    run: str
    agent: str
    model: str
    totals: Totals
    priced_by: str
    created_at: datetime


RunModel = tuple[str, str]
"""A run's id and a model's name."""


class Meter:
    """Counts the events of one batch. ``counted`` is what is stored of their runs, by model."""

    def __init__(self, counted: Mapping[RunModel, Totals] | None = None, price: Price = unpriced) -> None:
        self._price = price
        self._counted = dict(counted or {})
        self.rows: list[UsageRow] = []
        #: The runs' new totals, and the stream of each run.
        self.changed: dict[RunModel, Totals] = {}
        self.streams: dict[str, str] = {}

    def count(self, entry: Entry, seq: int) -> None:
        """Counts what an event tells that was not told before."""
        at = to_the_millisecond(entry.created_at)
        added: dict[str, Totals] = {}
        by: dict[str, str] = {}
        for call in self._new(entry):
            priced = self._price(call, at)
            by[call.model] = priced.by if priced is not None else by.get(call.model, "")
            added[call.model] = added.get(call.model, Totals()) + _of(call, priced)
        for model, totals in added.items():
            self.rows.append(
                UsageRow(entry.stream, seq, entry.run, entry.agent, model, totals, by[model], entry.created_at)
            )
            self.add(entry.stream, entry.run, model, totals)

    def add(self, stream: str, run: str, model: str, totals: Totals) -> None:
        """Adds to what is counted of a run."""
        key = run, model
        self._counted[key] = self.changed[key] = self._counted.get(key, Totals()) + totals
        self.streams[run] = stream

    def _new(self, entry: Entry) -> Iterator[Usage]:
        assert entry.usage is not None
        for call in entry.usage.calls:
            if not entry.usage.total:
                yield call
            elif (rest := _above(call, self._of_run(entry.run, call.model))) is not None:
                yield rest

    def _of_run(self, run: str, model: str) -> Totals:
        """What was counted of a run under a model's name; of the whole run when the model has none."""
        if model:
            return self._counted.get((run, model), Totals())
        return sum((totals for (of, _), totals in self._counted.items() if of == run), Totals())


def to_the_millisecond(moment: datetime) -> datetime:
    """The moment as the event's text tells it, so that whoever reads the text finds the same price."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one + other, MOST_USD)


def _above(total: Usage, counted: Totals) -> Usage | None:
    """What a total says above what was counted."""
    rest = Usage(
        total.model,
        max(0, total.input_tokens - counted.input_tokens),
        max(0, total.output_tokens - counted.output_tokens),
    )
    return rest if rest.input_tokens or rest.output_tokens else None


def _of(call: Usage, priced: Priced | None) -> Totals:
    usd, unpriced = (None, 1) if priced is None else (priced.usd, 0)
    return Totals(1, call.input_tokens, call.output_tokens, usd, unpriced)
