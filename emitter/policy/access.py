"""Reading what belongs to somebody else: who may, and the record that is kept of it."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from emitter.conf import conf
from emitter.errors import NotAllowed
from emitter.models import AccessRecord
from emitter.policy import service_keys, users
from emitter.policy.identity import Identity

DETAIL = 200


def stream_for(who: Identity, named: str | None, what: str, detail: str = "") -> str:
    """The key of the stream that is to be read: one's own, or of the user who is named by key or user name.

    Reading another's takes staff with ``emitter.view_event``, or a service key that may read, and is recorded. Raises
    ``forbidden``, ``key_scope``, ``unknown_user`` and ``ambiguous_user``.
    """
    if who.service is None and named in (None, who.key):
        return who.key
    if not (who.service.may_read if who.service else who.may_view):
        raise NotAllowed("forbidden", "Reading another's events takes staff with the permission emitter.view_event.")
    if named is None:
        raise NotAllowed("forbidden", "A service key has no events of its own: name a user with ?user=.")
    key = users.find(named)
    if who.service and (refusal := service_keys.refusal(who.service, key)):
        raise refusal
    record(who, what, key, detail)
    return key


def record(who: Identity, what: str, stream: str, detail: str = "", how: str = "api") -> None:
    """Notes that somebody is about to see another's data; if that cannot be noted, it cannot be seen."""
    reader = f"service {who.service.prefix}" if who.service else who.key
    AccessRecord.objects.using(conf.database).create(
        reader=reader, how=how, what=what, stream=stream, detail=detail[:DETAIL]
    )


def prune() -> int:
    """Deletes records older than ``ACCESS_DAYS``."""
    before = timezone.now() - timedelta(days=conf.access_days)
    deleted, _ = AccessRecord.objects.using(conf.database).filter(at__lt=before).delete()
    return deleted
