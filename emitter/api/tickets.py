"""``/api/tickets/``: a secret that opens one socket, once."""

from __future__ import annotations

from django.http import HttpResponse

from emitter import blocking
from emitter.api.http import Call, endpoint, json_response
from emitter.conf import conf
from emitter.policy import tickets


async def issue(call: Call) -> HttpResponse:
    """A ticket for the caller."""
    ticket = await blocking.run(tickets.issue, call.who.key)
    return json_response({"ticket": ticket, "expires_in": conf.ticket_seconds})


view = endpoint(POST=issue)
