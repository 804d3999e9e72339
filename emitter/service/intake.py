"""What comes from outside as JSON (HTTP, standard input) and what is answered, one outcome an item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

from emitter import events, wire
from emitter.conf import conf
from emitter.context import RunContext
from emitter.errors import EmitterError, EventRefused
from emitter.log.entry import Receipt
from emitter.policy import refusals, users
from emitter.policy.refusals import About
from emitter.service.prepare import Item

ITEM_FIELDS = ("user", "run", "thread", "agent", "type", "payload", "event_id")


def read_item(fields: object, *, find_user: Callable[[str], str] = users.find) -> Item:
    """An item that comes from outside as JSON: ``user, run, thread, agent, type, payload, event_id``.

    Raises ``EventRefused``. ``find_user`` turns the ``user`` field into a key.
    """
    if not isinstance(fields, Mapping):
        raise EventRefused("bad_request", "An item is a JSON object with user, run, type and payload.")
    if unknown := sorted(set(fields) - set(ITEM_FIELDS)):
        raise EventRefused(
            "bad_field",
            f"An item has no field {', '.join(map(repr, unknown))!s:.200}; known are {', '.join(ITEM_FIELDS)}.",
        )
    for name in ("user", "run", "type"):
        if not isinstance(fields.get(name), str):
            raise EventRefused("bad_field", f"The field {name!r} is missing or is no text.")
    event = events.named(fields["type"], fields.get("payload"), frozenset(conf.custom_types))
    context = RunContext(
        user_id=find_user(fields["user"]),
        thread_id=fields.get("thread"),
        run_id=fields["run"],
        agent_name=fields.get("agent", "agent"),
    )
    return Item(context, event, fields.get("event_id"))


def read_texts(texts: Iterable[bytes]) -> list[Item | EmitterError]:
    """JSON texts as items; what cannot be read stands as its error in its place."""
    find_user = lru_cache(maxsize=1_000)(users.find)
    items: list[Item | EmitterError] = []
    for text in texts:
        fields: object = None
        try:
            fields = wire.decode_json(text)
            items.append(read_item(fields, find_user=find_user))
        except EmitterError as refusal:
            items.append(noted(refusal, fields, find_user=find_user))
    return items


def noted(refusal: EmitterError, fields: object, *, find_user: Callable[[str], str] = users.find) -> EmitterError:
    """Counts and keeps the refusal of an item, with what it says of itself: the user's key, if there is one."""
    told = fields if isinstance(fields, Mapping) else {}
    user, run, event_type, agent = (str(told.get(name) or "") for name in ("user", "run", "type", "agent"))
    with suppress(EventRefused):
        user = find_user(user)
    return refusals.note(refusal, About(user, run, event_type, agent))


def outcome_json(outcome: Receipt | EmitterError, **place: int) -> dict[str, Any]:
    """A receipt as it is told outside, or an error with its place (``line=…`` or ``index=…``)."""
    if isinstance(outcome, EmitterError):
        return {**place, "code": outcome.code, "detail": outcome.detail}
    return {
        "seq": outcome.seq,
        "event_id": str(outcome.event_id),
        "duplicate": outcome.duplicate,
        "spooled": outcome.spooled,
        "dropped": outcome.dropped,
        "after_end": outcome.after_end,
        "flags": outcome.flags,
    }
