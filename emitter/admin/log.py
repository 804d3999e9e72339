"""The event log in Django's admin: read-only, newest first, found by user, run and type, without exact totals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from emitter import wire
from emitter.errors import EmitterError
from emitter.events import KNOWN_TYPES
from emitter.models import Device, Event, Run
from emitter.policy import users

PAGE = 50


class UncountedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages without ``count(*)``, which takes as long as the table is large.

    It looks whether one more row follows ``page``, and counts no further.
    """

    def __init__(self, rows: Any, per_page: int, page: int) -> None:
        super().__init__(rows, per_page)
        self._page = page

    @cached_property
    def count(self) -> int:
        """Rows up to the end of the page, and one more when there is one."""
        before = (self._page - 1) * self.per_page
        rows: Any = self.object_list
        return before + len(rows[before : before + self.per_page + 1].values_list("pk"))


class TextFilter(admin.SimpleListFilter):
    """A filter into which a person writes, because there are too many values to list."""

    template = "admin/emitter/text_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("", "")]

    def choices(self, changelist: Any) -> Iterator[Any]:
        others = changelist.get_filters_params().items()
        kept = [(name, value) for name, values in others for value in values if name != self.parameter_name]
        yield {"kept": kept, "parameter": self.parameter_name, "current": self.value() or ""}


class UserFilter(TextFilter):
    """Finds a user's rows by ``?user=`` key or user name, without listing all users."""

    title = "user"
    parameter_name = "user"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        try:
            return queryset.filter(stream=users.find(value))
        except EmitterError:
            return queryset.filter(stream=value)


class RunFilter(TextFilter):
    """Finds a run's events by ``?run=``, in the range of numbers that the run spans."""

    title = "run"
    parameter_name = "run"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        run = Run.objects.using(queryset.db).filter(id=value).first()
        if run is None:
            return queryset.none()
        return queryset.filter(stream=run.stream, seq__gte=run.first_seq, run=run.id)


class TypeFilter(admin.SimpleListFilter):
    """The known types, so that no ``DISTINCT`` over the table is needed."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(KNOWN_TYPES)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(type=self.value()) if self.value() else queryset


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows are written by the log alone; the admin shows them."""

    show_full_result_count = False
    list_per_page = PAGE
    list_max_show_all = 0
    show_facets = admin.ShowFacets.NEVER

    class Media:
        css = {"all": ["emitter/admin.css"]}

    def get_paginator(self, request: HttpRequest, queryset: Any, per_page: int, *_: Any, **__: Any) -> Any:
        page = request.GET.get("p", "1")
        return UncountedPaginator(queryset, per_page, max(1, int(page)) if page.isdecimal() else 1)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Event)
class EventAdmin(ReadOnly):
    """The event log."""

    list_display = ("at", "stream", "seq", "type", "run", "source", "summary")
    list_filter = (UserFilter, RunFilter, TypeFilter)
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

    @admin.display(description="payload")
    def summary(self, event: Event) -> str:
        """The beginning of the payload."""
        payload = event.body.partition(',"payload":')[2]
        return payload if len(payload) <= 80 else f"{payload[:80]}…"

    @admin.display(description="event as stored")
    def readable(self, event: Event) -> SafeString:
        """The whole event, indented; what stands inside it is text and never markup."""
        text = msgspec.json.format(event.body, indent=2)
        return format_html('<pre class="emitter-event" tabindex="0">{}</pre>', text)


@admin.register(Run)
class RunAdmin(ReadOnly):
    """Runs, newest first."""

    list_display = ("id", "stream", "agent", "state", "started_at", "ended_at", "events")
    list_filter = (UserFilter, "state")
    ordering = ("-started_at",)
    sortable_by = ()
    fields = ("id", "stream", "thread", "agent", "state", "started_at", "ended_at", "first_seq", "last_seq", "events")
    readonly_fields = ("events",)

    @admin.display(description="events")
    def events(self, run: Run) -> SafeString:
        """A link to the run's events."""
        log = reverse("admin:emitter_event_changelist", current_app=self.admin_site.name)
        return format_html('<a href="{}?{}">show events</a>', log, urlencode({"run": run.id}))


@admin.register(Device)
class DeviceAdmin(ReadOnly):
    """Devices and what they acknowledged."""

    list_display = ("stream", "name", "position", "epoch", "seen_at")
    list_filter = (UserFilter,)
    ordering = ("-id",)
