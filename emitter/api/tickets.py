"""``/api/tickets/``: a secret that opens one socket, once."""

from __future__ import annotations

from django.http import HttpResponse

from emitter import blocking
from emitter.api.http import Call, endpoint, json_response
from emitter.conf import conf
from emitter.policy import tickets
from emitter.policy.identity import Standing


async def issue(call: Call) -> HttpResponse:
    """A ticket for the caller."""
    who = call.who
    rests_on = who.standing or Standing()
    ticket = await blocking.run(
        tickets.issue,
        who.key,
        fingerprint=rests_on.fingerprint,
        session=rests_on.session,
        until=who.expires_at,
    )
    return json_response({"ticket": ticket, "expires_in": conf.ticket_seconds})


view = endpoint(POST=issue)
