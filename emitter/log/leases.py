"""Leases: until when a producer answers for its run, by the database's clock alone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Now

from emitter.conf import conf
from emitter.models import Event, Run, RunState

#: Seconds that a lease is good for.
LEASE_SECONDS = 30
#: Minutes without an event after which a run that is fed event by event counts as abandoned.
IDLE_MINUTES = 15


def renew(runs: Collection[str]) -> set[str]:
    """Renews the leases of runs. Returns those that have ended meanwhile, whoever ended them."""
    rows = Run.objects.using(conf.database).filter(id__in=runs)
    rows.filter(state=RunState.RUNNING).update(lease_until=Now() + timedelta(seconds=LEASE_SECONDS))
    return set(rows.exclude(state=RunState.RUNNING).values_list("id", flat=True))


def orphans(limit: int = 1_000) -> list[Run]:
    """Runs that nobody answers for: their lease is over, or they have none and were idle for long."""
    last = Event.objects.filter(stream=OuterRef("stream"), run=OuterRef("id"), seq__gte=OuterRef("first_seq"))
    idle = Q(lease_until=None, started_at__lt=Now() - timedelta(minutes=IDLE_MINUTES))
    running = Run.objects.using(conf.database).filter(state=RunState.RUNNING)
    abandoned = (
        running.filter(idle)
        .annotate(last_at=Subquery(last.order_by("-seq").values("created_at")[:1]))
        .filter(last_at__lt=Now() - timedelta(minutes=IDLE_MINUTES))
    )
    return [*running.filter(lease_until__lt=Now())[:limit], *abandoned[:limit]]
