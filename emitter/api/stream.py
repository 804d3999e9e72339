"""``/api/events/stream/``: the caller's events as Server-Sent Events."""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpResponseBase, StreamingHttpResponse

from emitter.api.http import Call, endpoint
from emitter.delivery import Visitor
from emitter.delivery.speech import EVENT_STREAM
from emitter.delivery.sse import place, stream


async def events(call: Call) -> HttpResponseBase:
    """From ``Last-Event-ID``, or from ``?after=&epoch=``, or live; ``?device=`` as on the socket."""
    visitor = Visitor.asking(call.who, call.request.GET, EVENT_STREAM)
    if last := call.request.headers.get("Last-Event-ID"):
        claim = place(last)
        visitor = replace(visitor, after=claim.after, epoch=claim.epoch)
    response = StreamingHttpResponse(stream(visitor), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


view = endpoint(tickets=True, GET=events)
