"""The event log in Django's admin: read-only, newest first, found by user, run and type, without exact totals."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import msgspec
from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from emitter import wire
from emitter.errors import CODES, EmitterError
from emitter.events import KNOWN_TYPES
from emitter.models import KEY_LENGTH, Budget, DailyUsage, Device, Event, Refusal, Run, RunUsage
from emitter.policy import access, identity, tiers, users

PAGE = 50
#: What the list of runs sums up of their models.
USED = ("input_tokens", "output_tokens", "cost_usd", "unpriced")


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
        return queryset.filter(stream=key) if (key := _key_of(value)) else queryset.none()


class RunFilter(TextFilter):
    """Finds a run's events by ``?run=``, in the range of numbers that the run spans."""

    title = "run"
    parameter_name = "run"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        run = Run.objects.using(queryset.db).filter(id=value).first() if value.isprintable() else None
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


class Recorded(ReadOnly):
    """What is somebody else's: each look at it is recorded, a list with its filters and a row with its name."""

    #: What a record calls one row.
    what = ""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        if self.has_view_permission(request):
            user = request.GET.get(UserFilter.parameter_name, "")
            self._record(request, f"{self.what}s", _key_of(user) if user else "", request.GET.urlencode())
        return super().changelist_view(request, extra_context)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None and self.has_view_permission(request, row):
            self._record(request, self.what, row.stream, str(row))
        return row

    def _record(self, request: HttpRequest, what: str, stream: str, detail: str) -> None:
        access.record(identity.of_request(request), what, stream, detail, how="admin")


def _key_of(named: str) -> str:
    """The key that a filter means, which may outlive its user; nothing for what can be no key."""
    try:
        return users.find(named)
    except EmitterError:
        return named if len(named) <= KEY_LENGTH and named.isprintable() else ""


@admin.register(Event)
class EventAdmin(Recorded):
    """The event log."""

    what = "event"
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
class RunAdmin(Recorded):
    """Runs, newest first."""

    what = "run"
    list_display = ("id", "stream", "tier", "agent", "state", "started_at", "ended_at", "tokens", "cost", "events")
    list_filter = (UserFilter, "state")
    ordering = ("-started_at",)
    sortable_by = ()
    fields = (
        *("id", "stream", "tier", "thread", "agent", "state"),
        *("started_at", "ended_at", "first_seq", "last_seq", "events", "tokens", "cost", "by_model"),
    )
    readonly_fields = ("tier", "events", "tokens", "cost", "by_model")

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
        return _cost(run.cost_usd, run.unpriced or 0)

    @admin.display(description="by model")
    def by_model(self, run: Run) -> SafeString:
        """A line for each model."""
        rows = RunUsage.objects.using(run._state.db).filter(run=run.id).order_by("model")
        return format_html_join(
            mark_safe("<br>"),
            "{}: {}, {}",
            ((row.model or "–", self.tokens(row), _cost(row.cost_usd, row.unpriced)) for row in rows),
        )

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


@admin.register(DailyUsage)
class DailyUsageAdmin(ReadOnly):
    """What each user's agents took, by day, agent, model and tier."""

    list_display = ("day", "stream", "agent", "model", "tier", "calls", "input_tokens", "output_tokens", "cost")
    list_filter = (UserFilter,)
    ordering = ("-day", "-id")
    sortable_by = ()

    @admin.display(description="cost (USD)")
    def cost(self, row: DailyUsage) -> str:
        """Of the calls that have a price."""
        return _cost(row.cost_usd, row.unpriced)


class BudgetForm(forms.ModelForm):  # type: ignore[type-arg]
    """A budget of a user who exists, named by key or user name."""

    def clean_stream(self) -> str:
        """The user's key."""
        try:
            return users.find(self.cleaned_data["stream"])
        except EmitterError as error:
            raise ValidationError(error.detail) from error


@admin.register(Budget)
class BudgetAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Budgets of single users, instead of their tier's."""

    form = BudgetForm
    list_display = ("stream", "amount", "per")
    list_filter = (UserFilter,)
    show_facets = admin.ShowFacets.NEVER

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("stream",) if obj else ()

    @admin.display(description="budget (USD)")
    def amount(self, budget: Budget) -> str:
        """In cents."""
        return f"{budget.usd:,.2f}"


def _of_run(name: str) -> Subquery:
    rows = RunUsage.objects.filter(run=OuterRef("id")).values("run")
    return Subquery(rows.annotate(sum=Sum(name)).values("sum"))


def _cost(usd: Decimal | None, unpriced: int) -> str:
    """An amount for people; the API tells every digit."""
    known = "–" if usd is None else f"{usd:.6f}"
    return f"{known} ({unpriced:,} calls without a price)" if unpriced else known


class RefusedRunFilter(TextFilter):
    """Finds the refusals of a run, which need not exist, by ``?run=``."""

    title = "run"
    parameter_name = "run"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(run=self.value()) if self.value() else queryset


class CodeFilter(admin.SimpleListFilter):
    """The codes, from their table."""

    title = "code"
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, code) for code in sorted(CODES)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(code=self.value()) if self.value() else queryset


@admin.register(Refusal)
class RefusalAdmin(ReadOnly):
    """What was refused, newest first."""

    list_display = ("at", "code", "stream", "run", "type", "agent", "source", "detail", "left_out")
    list_filter = (UserFilter, RefusedRunFilter, TypeFilter, CodeFilter)
    ordering = ("-id",)
    sortable_by = ()
