"""From a context and an event to an entry that the log can take: checked, encoded, with an id."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from emitter import events, metrics, wire
from emitter.conf import Conf, conf, current
from emitter.context import RunContext, check_event_id, minted_at
from emitter.errors import EventRefused
from emitter.log.entry import Entry
from emitter.policy import contexts
from emitter.policy.cleaning import Cleaner

#: Seconds that the clock which made an id may be ahead of ours.
AHEAD_SECONDS = 300
DAY_SECONDS = 86_400


class Item(NamedTuple):
    """One event to emit. With ``event_id`` (a UUIDv7) the same item may be sent again and is stored once."""

    context: RunContext
    event: events.Event
    event_id: UUID | str | None = None


def prepare(item: Item) -> Entry:
    """Checks an item whole, cleans and encodes its payload. Raises ``EventRefused``.

    The digest is that of the payload as submitted, so the same call is the same event whatever the rules of cleaning
    become; the limit on bytes is for what is stored.
    """
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
    rules, keys = current(), set[str]()
    # Whatever its id, a run whose producer is gone has to end.
    flags = contexts.check(context, rules.suspicious_ids if event.type != "agent_death" else "allow")
    encoded = wire.encode_payload(payload, max_depth=rules.payload_depth, keys=keys)
    digest = wire.digest(event.type, context.run_id, context.thread_id, context.agent_name, payload)
    encoded = _cleaned(event.type, keys, encoded, rules)
    wire.refuse_large(encoded, rules.payload_bytes)
    return Entry(
        stream=context.user_id,
        run=context.run_id,
        thread=context.thread_id,
        agent=context.agent_name,
        type=event.type,
        event_id=uuid7() if given_id is None else _within_window(check_event_id(given_id), now),
        given=given_id is not None,
        digest=digest,
        payload=encoded,
        created_at=now,
        flags=flags,
    )


_cleaner: tuple[Conf | None, Cleaner] = (None, Cleaner())


def _cleaned(event_type: str, keys: set[str], encoded: bytes, rules: Conf) -> bytes:
    """The payload without what must not be stored; what that was is counted and told nowhere."""
    global _cleaner
    made_for, cleaner = _cleaner
    if made_for is not rules:
        cleaner = Cleaner(rules.string_chars, rules.list_items, rules.secret_keys, rules.plain_keys)
        _cleaner = rules, cleaner
    encoded, cleaned = cleaner.clean(event_type, keys, encoded)
    for kind, number in (cleaned or {}).items():
        metrics.CLEANED.labels(kind=kind).inc(number)
    return encoded


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
