"""``/api/events/``: emit from outside, and read one's own history."""

from __future__ import annotations

import json

import msgspec
from django.http import HttpResponse

from emitter import blocking, log, wire
from emitter.api.http import Call, body, endpoint, json_response, number
from emitter.context import check_id
from emitter.errors import EmitterError, EventRefused, NotAllowed
from emitter.policy import access, refusals, service_keys
from emitter.policy.identity import Identity, Service
from emitter.service import Item, emitter
from emitter.service.intake import outcome_json, read_texts
from emitter.service.units import BATCH

PAGE, LARGEST_PAGE = 100, 1_000
#: Said of a body, each of its lines is an item, however broken.
LINES = "application/x-ndjson"


async def emit(call: Call) -> HttpResponse:
    """One event answers with its receipt; a JSON list or NDJSON with one outcome an item, in order."""
    if not call.who.may_emit:
        raise NotAllowed(
            "forbidden",
            "This caller may not emit; use a token made with create_token --emit, or grant emitter.emit_event.",
        )
    texts, single = _items(body(call.request), call.request.content_type)
    if len(texts) > BATCH:
        raise EventRefused("batch_too_large", f"{len(texts):,} events in one request; send at most {BATCH:,}.")
    items = await blocking.run(_read, texts, call.who.service)
    with refusals.came_by("http"):
        outcomes = await emitter.aemit_each(items)
    if single:
        if isinstance(outcomes[0], EmitterError):
            raise outcomes[0]
        return json_response(outcome_json(outcomes[0]))
    return json_response({"receipts": [outcome_json(outcome, index=place) for place, outcome in enumerate(outcomes)]})


def _read(texts: list[bytes], service: Service | None) -> list[Item | EmitterError]:
    """The items; of a service those that its key is for, the others as their refusals."""
    with refusals.came_by("http"):  # On a thread that does not know the request's context.
        if service is None:
            return read_texts(texts)
        service_keys.spend_rate(service, len(texts))
        return [_refusal(service, item) or item for item in read_texts(texts)]


def _refusal(service: Service, item: Item | EmitterError) -> EmitterError | None:
    if isinstance(item, EmitterError):
        return None
    return service_keys.refusal(service, item.context.user_id, item.event.type)


async def history(call: Call) -> HttpResponse:
    """The caller's own events after a number, in order; those of ``?user=`` for whoever may."""
    query = call.request.GET
    after = number(call.request, "after", 0)
    limit = max(1, min(number(call.request, "limit", PAGE), LARGEST_PAGE))
    run, event_type = (check_id(name, query[name]) if query.get(name) else None for name in ("run_id", "type"))
    return await blocking.run(_page, call.who, query.get("user"), after, limit, run, event_type)


def _page(
    who: Identity, user: str | None, after: int, limit: int, run: str | None, event_type: str | None
) -> HttpResponse:
    key = access.stream_for(who, user, "events", f"after {after}, run {run or 'any'}, type {event_type or 'any'}")
    page, next_after = log.history(key, after=after, limit=limit, run=run, event_type=event_type)
    stream = log.open_stream(key)
    return json_response(
        {
            "events": [msgspec.Raw(stored.body.encode()) for stored in page],
            "head": stream.head,
            "epoch": stream.epoch,
            "next_after": next_after,
        }
    )


def _items(sent: bytes, content_type: str | None) -> tuple[list[bytes], bool]:
    """The texts of the items, and whether it is a single one: a JSON list, lines of JSON, or one object."""
    stripped = sent.strip()
    lines = [line for line in stripped.split(b"\n") if line.strip()]
    if content_type == LINES:
        return lines, False
    if stripped.startswith(b"["):
        try:
            return [bytes(raw) for raw in msgspec.json.decode(stripped, type=list[msgspec.Raw])], False
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            # Python's own JSON keeps NaN and half surrogate pairs, so that each item's check can name them.
            return [json.dumps(item).encode() for item in wire.decode_json(stripped)], False
    if len(lines) > 1 and lines[0].rstrip().endswith(b"}"):
        return lines, False
    return [stripped], True


view = endpoint(services=True, GET=history, POST=emit)
