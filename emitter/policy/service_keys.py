"""Keys of services: a way in over HTTP that belongs to no user, for what it was made for and nothing else.

The secret is shown once, when it is made; only its SHA-256 is stored. People know a key by its ``prefix``.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from hashlib import sha256
from secrets import token_hex, token_urlsafe

from django.db.models import Q
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from emitter.conf import conf
from emitter.errors import NotAllowed
from emitter.models import ServiceKey
from emitter.policy import rates
from emitter.policy.identity import Identity, Service
from emitter.policy.rates import RateExceeded

#: What every secret begins with, so that those who look for leaked secrets can tell it.
MARK = "nek_"
#: Seconds of its rate that a key may use at once.
BURST_SECONDS = 2
#: Seconds between two notes of when a key was last used.
NOTE_SECONDS = 60


def issue(key: ServiceKey, by: str) -> str:
    """Stores a new key and returns its secret, which nobody can ask for again."""
    key.prefix = f"{MARK}{token_hex(4)}"
    secret = f"{key.prefix}_{token_urlsafe(32)}"
    key.hash = _hash(secret)
    key.created_by = by
    key.save(using=conf.database, force_insert=True)
    return secret


def revoke(ids: Collection[int]) -> int:
    """Ends keys at once, for good. Returns how many were still good."""
    keys = ServiceKey.objects.using(conf.database).filter(id__in=ids, revoked_at=None)
    return keys.update(revoked_at=timezone.now())


@sensitive_variables()
def of_key(secret: str) -> Identity:
    """The service that a key proves. Raises ``not_authenticated`` or ``key_revoked``."""
    key = ServiceKey.objects.using(conf.database).filter(hash=_hash(secret)).first()
    if key is None:
        raise NotAllowed("not_authenticated", "There is no such key; ask those who run the admin for one.")
    now = timezone.now()
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        raise NotAllowed("key_revoked", f"The key {key.prefix} was revoked or has expired; ask for a new one.")
    if key.used_at is None or now - key.used_at > timedelta(seconds=NOTE_SECONDS):
        _note_use(key, now - timedelta(seconds=NOTE_SECONDS))
    service = Service(
        prefix=key.prefix,
        may_read=key.may_read,
        types=frozenset(key.types),
        users=frozenset(key.users),
        rate=key.rate or conf.key_rate,
    )
    return Identity("", may_emit=key.may_emit, service=service)


def refusal(service: Service, user: str, event_type: str | None = None) -> NotAllowed | None:
    """Why a service may not do this for a user, if it may not."""
    if service.users and user not in service.users:
        return NotAllowed("key_scope", f"The key {service.prefix} is not for this user.")
    if event_type is not None and service.types and event_type not in service.types:
        return NotAllowed("key_scope", f"The key {service.prefix} is not for events of type {event_type!r:.80}.")
    return None


def spend_rate(service: Service, number: int) -> None:
    """Takes so many events from a service's rate. Raises ``rate_exceeded`` with the time to wait."""
    burst = max(1.0, service.rate * BURST_SECONDS)
    wait = rates.shared().wait(f"key:{service.prefix}", number, service.rate, burst)
    if wait > 0:
        raise RateExceeded(f"The key {service.prefix} has a rate of {service.rate:g} events a second.", wait)


def _note_use(key: ServiceKey, before: object) -> None:
    stale = ServiceKey.objects.using(conf.database).filter(Q(used_at=None) | Q(used_at__lt=before), id=key.id)
    stale.update(used_at=timezone.now())


def _hash(secret: str) -> str:
    return sha256(secret.encode(errors="surrogatepass")).hexdigest()
