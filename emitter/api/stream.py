"""``/api/events/stream/``: the caller's events as Server-Sent Events."""

from __future__ import annotations

from django.http import HttpResponseBase, StreamingHttpResponse

from emitter.api.http import Call, endpoint, number
from emitter.context import check_id
from emitter.cursor import Claim
from emitter.delivery import Visitor
from emitter.delivery.speech import EVENT_STREAM
from emitter.delivery.sse import place, stream


async def events(call: Call) -> HttpResponseBase:
    """From ``Last-Event-ID``, or from ``?after=&epoch=``, or live; ``?device=`` as on the socket."""
    query = call.request.GET
    device = query.get("device")
    visitor = Visitor(
        identity=call.who,
        after=(claim := _claim(call)).after,
        epoch=claim.epoch,
        device=None if device is None else check_id("device", device),
        speech=EVENT_STREAM,
    )
    response = StreamingHttpResponse(stream(visitor), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def _claim(call: Call) -> Claim:
    last = call.request.headers.get("Last-Event-ID")
    if last:
        return place(last)
    after = number(call.request, "after", 0) if "after" in call.request.GET else None
    return Claim(after=after, epoch=call.request.GET.get("epoch"))


view = endpoint(tickets=True, GET=events)
