"""What the keeper of refusals is told of an event, and of the outcomes of units."""

from __future__ import annotations

from collections.abc import Sequence

from emitter.context import RunContext
from emitter.errors import EmitterError
from emitter.log.entry import Outcome, Unit
from emitter.policy import refusals
from emitter.policy.refusals import About
from emitter.service.prepare import Item


def about(unit: Unit, error: EmitterError) -> About:
    """Of the event of a unit that an error names, or of its first."""
    entry = unit.entries[error.index or 0]
    return About(entry.stream, entry.run, entry.type, entry.agent)


def about_item(item: Item) -> About | None:
    """Of an event that was refused before it was one."""
    context, event = item.context, item.event
    if not isinstance(context, RunContext):
        return None
    return About(context.user_id, context.run_id, str(getattr(event, "type", "")), context.agent_name)


def note_refusals(units: Sequence[Unit], outcomes: list[Outcome]) -> list[Outcome]:
    """The outcomes, with each refusal among them noted."""
    for unit, outcome in zip(units, outcomes, strict=True):
        if isinstance(outcome, EmitterError):
            refusals.note(outcome, about(unit, outcome))
    return outcomes


def note_failure(error: EmitterError, units: Sequence[Unit]) -> None:
    """A commit that fails is each caller's own refusal, though all get the same error."""
    error.noted = False
    refusals.note(error, about(units[0], error))
