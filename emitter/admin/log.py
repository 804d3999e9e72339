"""The log: events, runs, devices and refusals, newest first, without exact totals."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from emitter import wire
from emitter.admin.filters import CodeFilter, EventRunFilter, RunFilter, TypeFilter, UserFilter
from emitter.admin.metering import cost_text
from emitter.admin.read_only import ReadOnly, Recorded, readable, short
from emitter.models import Device, Event, Refusal, Run, RunUsage
from emitter.policy import tiers

#: What the list of runs sums up of their models.
USED = ("input_tokens", "output_tokens", "cost_usd", "unpriced")


@admin.register(Event)
class EventAdmin(Recorded):
    """The event log."""

    what = "event"
    empty = "An event is here as soon as it is stored; manage.py emit stores one."
    list_display = ("at", "stream", "seq", "type", "events_of_run", "summary", "source")
    list_filter = (UserFilter, EventRunFilter, TypeFilter)
    ordering = ("-id",)
    sortable_by = ()
    fields = ("stream", "seq", "event_id", "run", "type", "created_at", "after_end", "source", "readable")
    readonly_fields = ("source", "readable")

    @admin.display(description="emitted at (UTC)")
    def at(self, event: Event) -> str:
        """To the millisecond."""
        return event.created_at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]

    @admin.display(description="came through")
    def source(self, event: Event) -> str:
        """The emitter itself, or the old face that was called."""
        return wire.source_of(event.body)

    @admin.display(description="run")
    def events_of_run(self, event: Event) -> SafeString:
        """A link to the events of the same run."""
        return format_html('<a href="?{}">{}</a>', urlencode({"run": event.run}), short(event.run))

    @admin.display(description="payload")
    def summary(self, event: Event) -> SafeString:
        """The beginning of the payload, in one line as long as there is room."""
        return format_html("<code>{}</code>", wire.payload_of(event.body)[:300])

    @admin.display(description="event as stored")
    def readable(self, event: Event) -> SafeString:
        return readable(event.body)


@admin.register(Run)
class RunAdmin(Recorded):
    """Runs, newest first."""

    what = "run"
    empty = "A run is here from its first event on."
    list_display = ("name", "stream", "tier", "agent", "state", "started_at", "ended_at", "tokens", "cost", "events")
    list_filter = (UserFilter, "state")
    ordering = ("-started_at",)
    sortable_by = ()
    fields = (
        *("id", "stream", "tier", "thread", "agent", "state"),
        *("started_at", "ended_at", "first_seq", "last_seq", "events", "tokens", "cost", "by_model"),
    )
    readonly_fields = ("tier", "events", "tokens", "cost", "by_model")

    @admin.display(description="run")
    def name(self, run: Run) -> SafeString:
        return short(run.id)

    @admin.display(description="user's tier now")
    def tier(self, run: Run) -> str:
        """The name of the tier that the run's user has."""
        return tiers.tier_of(run.stream).name

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        runs: QuerySet[Run] = super().get_queryset(request)
        return runs.annotate(**{name: _of_run(name) for name in USED})

    @admin.display(description="tokens in / out")
    def tokens(self, run: Any) -> str:
        """Of all models together."""
        return "–" if run.input_tokens is None else f"{run.input_tokens:,} / {run.output_tokens:,}"

    @admin.display(description="cost (USD)")
    def cost(self, run: Any) -> str:
        """Of the calls that have a price; it says so when some have none."""
        return cost_text(run.cost_usd, run.unpriced or 0)

    @admin.display(description="by model")
    def by_model(self, run: Run) -> SafeString:
        """A line for each model."""
        rows = RunUsage.objects.using(run._state.db).filter(run=run.id).order_by("model")
        return format_html_join(
            mark_safe("<br>"),
            "{}: {}, {}",
            ((row.model or "–", self.tokens(row), cost_text(row.cost_usd, row.unpriced)) for row in rows),
        )

    @admin.display(description="events")
    def events(self, run: Run) -> SafeString:
        """A link to the run's events."""
        log = reverse("admin:emitter_event_changelist", current_app=self.admin_site.name)
        return format_html('<a href="{}?{}">show events</a>', log, urlencode({"run": run.id}))


@admin.register(Device)
class DeviceAdmin(ReadOnly):
    """Devices and what they acknowledged."""

    empty = "A device is here when it has acknowledged its first event."
    list_display = ("stream", "name", "position", "epoch", "seen_at")
    list_filter = (UserFilter,)
    ordering = ("-id",)


@admin.register(Refusal)
class RefusalAdmin(ReadOnly):
    """What was refused, newest first."""

    empty = "That is as it should be: each call that is refused is kept here, with what to do about it."
    list_display = ("at", "code", "stream", "run", "type", "agent", "source", "detail", "left_out")
    list_filter = (UserFilter, RunFilter, TypeFilter, CodeFilter)
    ordering = ("-id",)
    sortable_by = ()


def _of_run(name: str) -> Subquery:
    rows = RunUsage.objects.filter(run=OuterRef("id")).values("run")
    return Subquery(rows.annotate(sum=Sum(name)).values("sum"))
