"""From a context and an event to an entry that the log can take: checked, encoded, with an id."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from emitter import clock, events, metrics, wire
from emitter.conf import Conf, conf, current
from emitter.context import RunContext, check_event_id, minted_at
from emitter.errors import EventRefused
from emitter.log.entry import Entry, Reported
from emitter.metering.usage import reported_by
from emitter.policy import contexts, rates, tiers
from emitter.policy.cleaning import Cleaner
from emitter.policy.tier import OVER_RATE, PROTECTED, UNSUBSCRIBED, Tier, kept, takes

#: Seconds that the clock which made an id may be ahead of ours.
AHEAD_SECONDS = 300
DAY_SECONDS = 86_400


class Item(NamedTuple):
    """One event to emit. With ``event_id`` (a UUIDv7) the same item may be sent again and is stored once."""

    context: RunContext
    event: events.Event
    event_id: UUID | str | None = None


def prepare(item: Item) -> Entry:
    """Checks an item whole, cleans it, and encodes what the user's tier keeps of it. Raises ``EventRefused``.

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
    now = clock.now()
    payload = event.payload()
    events.check(event.type, payload)
    rules, keys = current(), set[str]()
    # Whatever its id, a run whose producer is gone has to end.
    flags = contexts.check(context, rules.suspicious_ids if event.type != "agent_death" else "allow")
    usage = reported_by(event.type, payload)
    encoded = wire.encode_payload(payload, max_depth=rules.payload_depth, keys=keys)
    digest = wire.digest(event.type, context.run_id, context.thread_id, context.agent_name, payload)
    tier = tiers.remembered(context.user_id)
    cleaner = _cleaner_for(rules)
    encoded = _kept(tier, event.type, _cleaned(event.type, keys, encoded, cleaner))
    wire.refuse_large(encoded, rules.payload_bytes)
    return Entry(
        stream=context.user_id,
        run=context.run_id,
        thread=context.thread_id,
        agent=context.agent_name,
        type=event.type,
        event_id=clock.new_id() if given_id is None else _within_window(check_event_id(given_id), now),
        given=given_id is not None,
        digest=digest,
        payload=encoded,
        created_at=now,
        tier=tier.name,
        drop=None if usage is not None else _drop_code(tier, context.user_id, event.type),
        usage=None if usage is None else _named(usage, cleaner),
        flags=flags,
        source=context.source,
    )


_cleaner: tuple[Conf | None, Cleaner] = (None, Cleaner())


def _cleaner_for(rules: Conf) -> Cleaner:
    global _cleaner
    made_for, cleaner = _cleaner
    if made_for is not rules:
        cleaner = Cleaner(rules.string_chars, rules.list_items, rules.secret_keys, rules.plain_keys)
        _cleaner = rules, cleaner
    return cleaner


def _named(usage: Reported, cleaner: Cleaner) -> Reported:
    """Usage with its models called as the stored payload calls them: a secret may stand there too."""
    return Reported(tuple(replace(call, model=cleaner.text(call.model)) for call in usage.calls), usage.total)


def _cleaned(event_type: str, keys: set[str], encoded: bytes, cleaner: Cleaner) -> bytes:
    """The payload without what must not be stored; what that was is counted and told nowhere."""
    encoded, cleaned = cleaner.clean(event_type, keys, encoded)
    for kind, number in (cleaned or {}).items():
        metrics.CLEANED.labels(kind=kind).inc(number)
    return encoded


def _kept(tier: Tier, event_type: str, encoded: bytes) -> bytes:
    """What the tier keeps of it. It is cleaned before: half of a secret would not be known for one."""
    if tier.thinking == "whole" or event_type != "agent_thinking":
        return encoded
    payload = wire.decode_json(encoded)
    rest = kept(tier, event_type, payload)
    if rest is payload:
        return encoded
    metrics.TRIMMED.labels(thinking=tier.thinking, tier=tier.name).inc()
    return wire.encode_payload(rest, max_depth=conf.payload_depth)


def _drop_code(tier: Tier, key: str, event_type: str) -> str | None:
    if event_type in PROTECTED or event_type in events.ACCOUNTING:
        return None
    if not takes(tier, event_type):
        return UNSUBSCRIBED
    # Each process counts for itself: this is too often for a way to Redis.
    if tier.auxiliary_rate is None or not rates.local.wait(
        f"auxiliary:{key}", 1, tier.auxiliary_rate, tier.auxiliary_burst
    ):
        return None
    return OVER_RATE


def _within_window(event_id: UUID, now: datetime) -> UUID:
    """An id that may have been stored and pruned, or that is not due yet, cannot be told from a repetition."""
    age = now.timestamp() - minted_at(event_id)
    days = tiers.shortest_retention()
    if -AHEAD_SECONDS <= age <= days * DAY_SECONDS:
        return event_id
    when = f"{age / DAY_SECONDS:.1f} days old" if age > 0 else f"{-age:.0f} s ahead of this machine's clock"
    raise EventRefused(
        "event_id_window",
        f"Event id {event_id} is {when}; ids may be {days:g} days old and {AHEAD_SECONDS} s ahead. "
        "Check the clock that made it, or leave the id out.",
    )
