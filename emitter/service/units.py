"""From items to units that can be stored, and from their outcomes back to receipts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from emitter.context import RunContext
from emitter.errors import EmitterError, EventRefused
from emitter.events import Event
from emitter.log.entry import Outcome, Receipt, Unit
from emitter.policy import refusals
from emitter.service.about import about_item
from emitter.service.counted import count_dropped
from emitter.service.prepare import Item, prepare

#: Most events in one ``emit_many``.
BATCH = 1_000
Items = Iterable[Item | tuple[RunContext, Event]]


def prepare_unit(item: Item) -> Unit:
    """The unit of one item. Raises its refusal, noted."""
    try:
        return Unit([prepare(item)])
    except EventRefused as refusal:
        raise refusals.note(refusal, about_item(item)) from None


def batch_of(items: Items) -> list[Item]:
    """The items of one call. Raises ``batch_too_large``."""
    batch = [item if isinstance(item, Item) else _item(item, index) for index, item in enumerate(items)]
    if len(batch) > BATCH:
        raise refusals.note(
            EventRefused("batch_too_large", f"{len(batch):,} events in one call; give at most {BATCH:,} at a time.")
        )
    return batch


def _item(given: tuple[RunContext, Event], index: int) -> Item:
    try:
        return Item(*given)
    except TypeError:
        refusal = EventRefused("bad_field", f"An item is a context, an event and perhaps its id, not {given!r:.80}.")
        refusal.index = index
        raise refusals.note(refusal) from None


def prepare_whole(batch: Sequence[Item]) -> Unit:
    """One unit of many items, checked whole. Raises a refusal with its ``index``."""
    entries = []
    for index, item in enumerate(batch):
        try:
            entries.append(prepare(item))
        except EventRefused as refusal:
            refusal.index = index
            raise refusals.note(refusal, about_item(item)) from None
    return Unit(entries)


def prepare_each(items: Sequence[Item | EmitterError]) -> tuple[list[Unit], list[EmitterError | None]]:
    """Units of the items that can be stored, and the errors of the others in their places."""
    units: list[Unit] = []
    results: list[EmitterError | None] = []
    for item in items:
        try:
            if isinstance(item, EmitterError):
                raise item
            units.append(Unit([prepare(item)]))
            results.append(None)
        except EmitterError as refusal:
            results.append(refusals.note(refusal, about_item(item) if isinstance(item, Item) else None))
    return units, results


def in_place(units: Sequence[Unit], outcomes: list[Outcome]) -> list[Outcome]:
    """The outcomes of all units, given those of the units that went to the log."""
    if len(outcomes) == len(units):
        return outcomes
    stored = iter(outcomes)
    return [_left_out(unit) if unit.is_left_out else next(stored) for unit in units]


def _left_out(unit: Unit) -> Outcome:
    count_dropped(Counter((str(entry.drop), entry.tier) for entry in unit.entries))
    return [Receipt(entry.event_id, None, dropped=entry.drop) for entry in unit.entries]


def filled(results: list[EmitterError | None], outcomes: Iterable[Outcome]) -> list[Receipt | EmitterError]:
    """The results with the outcomes of :func:`prepare_each`'s units in the places that are free."""
    stored = iter(outcomes)
    told: list[Receipt | EmitterError] = []
    for error in results:
        outcome = error if error is not None else next(stored)
        told.append(outcome if isinstance(outcome, EmitterError) else outcome[0])
    return told


def receipts_of(outcomes: list[Outcome]) -> list[Receipt]:
    """The receipts of a single unit. Raises its refusal."""
    (outcome,) = outcomes
    if isinstance(outcome, EmitterError):
        raise outcome
    return outcome
