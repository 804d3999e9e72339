"""``/api/events/``: emit from outside, and read one's own history."""

from __future__ import annotations

import msgspec
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse

from emitter import blocking, log, wire
from emitter.api.http import Call, endpoint, json_response, number
from emitter.errors import EmitterError, EventRefused, NotAllowed
from emitter.service import emitter
from emitter.service.emitter import BATCH
from emitter.service.intake import outcome_json, read_texts

PAGE, LARGEST_PAGE = 100, 1_000


async def emit(call: Call) -> HttpResponse:
    """One event answers with its receipt; a JSON list or NDJSON with one outcome an item, in order."""
    if not call.who.may_emit:
        raise NotAllowed(
            "forbidden",
            "This caller may not emit; use a token made with create_token --emit, or grant emitter.emit_event.",
        )
    texts, single = _items(_body(call.request))
    if len(texts) > BATCH:
        raise EventRefused("batch_too_large", f"{len(texts):,} events in one request; send at most {BATCH:,}.")
    items = await blocking.run(read_texts, texts)
    outcomes = await emitter.aemit_each(items)
    if single:
        if isinstance(outcomes[0], EmitterError):
            raise outcomes[0]
        return json_response(outcome_json(outcomes[0]))
    return json_response({"receipts": [outcome_json(outcome, index=place) for place, outcome in enumerate(outcomes)]})


async def history(call: Call) -> HttpResponse:
    """The caller's own events after a number, in order."""
    query = call.request.GET
    after = number(call.request, "after", 0)
    limit = max(1, min(number(call.request, "limit", PAGE), LARGEST_PAGE))
    return await blocking.run(_page, call.who.key, after, limit, query.get("run_id") or None, query.get("type") or None)


def _page(key: str, after: int, limit: int, run: str | None, event_type: str | None) -> HttpResponse:
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


def _body(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig:
        raise EventRefused("payload_too_large", "The request is larger than DATA_UPLOAD_MAX_MEMORY_SIZE.") from None


def _items(body: bytes) -> tuple[list[bytes], bool]:
    """The texts of the items, and whether it is a single one: a JSON list, lines of JSON, or one object."""
    stripped = body.strip()
    if stripped.startswith(b"["):
        try:
            return [bytes(raw) for raw in msgspec.json.decode(stripped, type=list[msgspec.Raw])], False
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            items = wire.decode_json(stripped)
            return [msgspec.json.encode(item) for item in items], False
    lines = [line for line in stripped.split(b"\n") if line.strip()]
    if len(lines) > 1 and lines[0].rstrip().endswith(b"}"):
        return lines, False
    return [stripped], True


view = endpoint(GET=history, POST=emit)
