"""What the keeper of refusals is told of an event."""

from __future__ import annotations

from emitter.context import RunContext
from emitter.errors import EmitterError
from emitter.log.entry import Unit
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
