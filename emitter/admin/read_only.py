"""Lists and rows that the admin shows and never writes, without counting large tables."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from emitter.admin.filters import UserFilter, key_of
from emitter.policy import access, identity

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


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows are written by the log alone; the admin shows them."""

    #: What would fill an empty list.
    empty = ""

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
            self._record(request, f"{self.what}s", key_of(user) if user else "", request.GET.urlencode())
        return super().changelist_view(request, extra_context)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None and self.has_view_permission(request, row):
            self._record(request, self.what, row.stream, str(row))
        return row

    def _record(self, request: HttpRequest, what: str, stream: str, detail: str) -> None:
        access.record(identity.of_request(request), what, stream, detail, how="admin")


def short(name: str) -> SafeString:
    """An id in one line: of a long one the two ends, the whole on hover."""
    shown = name if len(name) <= 20 else f"{name[:8]}…{name[-8:]}"
    return format_html('<code title="{}">{}</code>', name, shown)


def readable(text: str) -> SafeString:
    """JSON, indented where it is whole; what stands inside it is text and never markup."""
    with suppress(msgspec.DecodeError):
        text = msgspec.json.format(text, indent=2)
    return format_html('<pre class="emitter-event" tabindex="0">{}</pre>', text)
