"""Tickets: each opens one connection, once, within seconds.

A browser cannot set headers on a socket, and a token in an address is seen by too many; a ticket that is spent does no
harm there. Only its SHA-256 is stored. What it opens ends with what the one who asked for it rests on.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from secrets import token_urlsafe

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from emitter.conf import conf
from emitter.models import Ticket


def issue(key: str, *, fingerprint: str = "", session: str = "", until: float | None = None) -> str:
    """A new ticket for a user. Removes tickets that have expired.

    ``session`` is the session that asked for it, ``until`` the end of the token that did.
    """
    tickets = Ticket.objects.using(conf.database)
    now = timezone.now()
    tickets.filter(expires_at__lt=now).delete()
    secret = token_urlsafe(32)
    tickets.create(
        hash=_hash(secret),
        stream=key,
        expires_at=now + timedelta(seconds=conf.ticket_seconds),
        fingerprint=fingerprint,
        session=session,
        source_expires_at=until,
    )
    return secret


@sensitive_variables()
def spend(secret: str) -> Ticket | None:
    """A valid ticket, which is now spent. Of many concurrent tries one succeeds."""
    tickets = Ticket.objects.using(conf.database).filter(hash=_hash(secret), expires_at__gte=timezone.now())
    ticket = tickets.first()
    deleted, _ = tickets.delete()
    return ticket if deleted == 1 else None


def _hash(secret: str) -> str:
    return sha256(secret.encode(errors="surrogatepass")).hexdigest()
