"""Tickets: each opens one connection, once, within seconds.

A browser cannot set headers on a socket, and a token in an address ends up in logs; a ticket that is spent does no harm
there. Only its SHA-256 is stored.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from secrets import token_urlsafe

from django.utils import timezone

from emitter.conf import conf
from emitter.models import Ticket


def issue(key: str) -> str:
    """A new ticket for a user. Removes the user's tickets that have expired."""
    tickets = Ticket.objects.using(conf.database)
    now = timezone.now()
    tickets.filter(expires_at__lt=now).delete()
    secret = token_urlsafe(32)
    tickets.create(hash=_hash(secret), stream=key, expires_at=now + timedelta(seconds=conf.ticket_seconds))
    return secret


def spend(secret: str) -> str | None:
    """The user key of a valid ticket, which is now spent. Of many concurrent tries one succeeds."""
    tickets = Ticket.objects.using(conf.database).filter(hash=_hash(secret), expires_at__gte=timezone.now())
    key = tickets.values_list("stream", flat=True).first()
    deleted, _ = tickets.delete()
    return key if deleted == 1 else None


def _hash(secret: str) -> str:
    return sha256(secret.encode(errors="surrogatepass")).hexdigest()
