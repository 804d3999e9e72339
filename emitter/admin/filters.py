"""What lists are narrowed by: a user, a run, or one of a closed set; none of them asks the table for its values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from emitter.errors import CODES, EmitterError
from emitter.events import KNOWN_TYPES
from emitter.migration.compare import KINDS
from emitter.models import KEY_LENGTH, Run
from emitter.policy import users


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
        return queryset.filter(stream=key) if (key := key_of(value)) else queryset.none()


class RunFilter(TextFilter):
    """Finds the rows of a run, which need not exist, by ``?run=``."""

    title = "run"
    parameter_name = "run"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(run=self.value()) if self.value() else queryset


class EventRunFilter(RunFilter):
    """Finds a run's events in the range of numbers that the run spans."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        run = Run.objects.using(queryset.db).filter(id=value).first() if value.isprintable() else None
        if run is None:
            return queryset.none()
        return queryset.filter(stream=run.stream, seq__gte=run.first_seq, run=run.id)


class ListFilter(admin.SimpleListFilter):
    """A filter with known values, so that no ``DISTINCT`` over the table is needed."""

    parameter_name: str
    #: The values, with what is said of them.
    values: dict[str, str]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(self.values.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.parameter_name: self.value()}) if self.value() else queryset


class TypeFilter(ListFilter):
    """The known types."""

    title = "type"
    parameter_name = "type"
    values = {name: name for name in sorted(KNOWN_TYPES)}


class CodeFilter(ListFilter):
    """The codes of refusals."""

    title = "code"
    parameter_name = "code"
    values = {code: code for code in sorted(CODES)}


class KindFilter(ListFilter):
    """What can differ between an old sender and the emitter, with what it means."""

    title = "what differs"
    parameter_name = "kind"
    values = {kind: f"{kind}: {meaning}" for kind, meaning in KINDS.items()}


def key_of(named: str) -> str:
    """The key that a filter means, which may outlive its user; nothing for what can be no key."""
    try:
        return users.find(named)
    except EmitterError:
        return named if len(named) <= KEY_LENGTH and named.isprintable() else ""
