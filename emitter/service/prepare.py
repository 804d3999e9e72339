"""From a context and an event to an entry that the log can take: checked, encoded, with an id."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from emitter import events, wire
from emitter.conf import conf
from emitter.context import RunContext, check_event_id, minted_at
from emitter.errors import EventRefused
from emitter.log.entry import Entry

#: Seconds that the clock which made an id may be ahead of ours.
AHEAD_SECONDS = 300
DAY_SECONDS = 86_400


class Item(NamedTuple):
    """One event to emit. With ``event_id`` (a UUIDv7) the same item may be sent again and is stored once."""

    context: RunContext
    event: events.Event
    event_id: UUID | str | None = None


def prepare(item: Item) -> Entry:
    """Checks an item whole and encodes its payload. Raises ``EventRefused``."""
    context, event, given_id = item
    if not isinstance(context, RunContext):
        raise EventRefused("bad_field", f"The context is a {type(context).__name__}; give a RunContext.")
    if not callable(getattr(event, "payload", None)):
        raise EventRefused(
            "bad_field", f"The event is a {type(event).__name__}; give one of emitter.events, Custom for your own type."
        )
    now = datetime.now(UTC)
    payload = event.payload()
    events.check(event.type, payload)
    encoded = wire.encode_payload(payload, max_bytes=conf.payload_bytes, max_depth=conf.payload_depth)
    return Entry(
        stream=context.user_id,
        run=context.run_id,
        thread=context.thread_id,
        agent=context.agent_name,
        type=event.type,
        event_id=uuid7() if given_id is None else _within_window(check_event_id(given_id), now),
        given=given_id is not None,
        digest=wire.digest(event.type, context.run_id, context.thread_id, context.agent_name, payload),
        payload=encoded,
        created_at=now,
        source=context.source,
    )


def _within_window(event_id: UUID, now: datetime) -> UUID:
    """An id that may have been stored and pruned, or that is not due yet, cannot be told from a repetition."""
    age = now.timestamp() - minted_at(event_id)
    if -AHEAD_SECONDS <= age <= conf.retention_days * DAY_SECONDS:
        return event_id
    when = f"{age / DAY_SECONDS:.1f} days old" if age > 0 else f"{-age:.0f} s ahead of this machine's clock"
    raise EventRefused(
        "event_id_window",
        f"Event id {event_id} is {when}; ids may be {conf.retention_days} days old and {AHEAD_SECONDS} s ahead. "
        "Check the clock that made it, or leave the id out.",
    )
