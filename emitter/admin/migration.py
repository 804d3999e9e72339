"""The modes of old faces, changed by staff, and what old senders and the emitter would have told differently."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.safestring import SafeString

from emitter.admin.filters import KindFilter, UserFilter
from emitter.admin.read_only import ReadOnly, Recorded, readable
from emitter.errors import EmitterError
from emitter.migration import history
from emitter.migration.modes import ADAPTERS, Setting
from emitter.models import AdapterMode, Mode, ShadowDifference


class ModeForm(forms.ModelForm):  # type: ignore[type-arg]
    """A change of mode."""

    adapter = forms.ChoiceField(choices=[(name, name) for name in ADAPTERS])
    percent = forms.DecimalField(
        label="Percent of the users",
        min_value=Decimal(0),
        max_value=Decimal(100),
        decimal_places=2,
        initial=100,
        help_text="The others keep the mode that was last set for all.",
    )

    class Meta:
        model = AdapterMode
        fields = ("adapter", "mode", "percent", "reason")

    def clean(self) -> dict[str, Any] | None:
        values = super().clean()
        if not self.errors:
            try:
                history.checked(*(self.cleaned_data[name] for name in ("adapter", "mode", "percent")))
            except EmitterError as error:
                raise ValidationError(error.detail) from error
        return values


@admin.register(AdapterMode)
class AdapterModeAdmin(ReadOnly):
    """The history of modes; a new row is a change that every process follows."""

    empty = "Every old face is unified until a mode is added here."
    form = ModeForm
    list_display = ("adapter", "setting", "since", "by", "reason")
    list_filter = ("adapter", "mode")
    ordering = ("-id",)
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ModeForm.Meta.fields if obj is None else ("adapter", "setting", "since", "by", "reason")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("setting",)

    @admin.display(description="mode")
    def setting(self, row: AdapterMode) -> str:
        """Who has which mode from then on."""
        return str(Setting(row.adapter, Mode(row.mode), Decimal(row.percent), Mode(row.rest)))

    def save_model(self, request: HttpRequest, obj: AdapterMode, form: Any, change: bool) -> None:
        """Raises ``mode_changed`` when somebody else was quicker."""
        made = history.change(obj.adapter, obj.mode, obj.percent, by=request.user.get_username(), reason=obj.reason)
        obj.pk = made.change

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().add_view(request, *args, **kwargs)
        except EmitterError as error:
            self.message_user(request, error.detail, messages.ERROR)
            return redirect(request.get_full_path())


@admin.register(ShadowDifference)
class ShadowDifferenceAdmin(Recorded):
    """Calls in shadow mode that differed, both sides one below the other."""

    what = "difference"
    empty = "Old sender and emitter have said the same, or nothing is in shadow mode."
    list_display = ("at", "call", "what", "stream")
    list_filter = (UserFilter, KindFilter, "adapter", "method")
    ordering = ("-id",)
    sortable_by = ()
    fields = ("at", "adapter", "method", "what", "stream", "run", "old_sender", "emitter")
    readonly_fields = ("old_sender", "emitter")

    @admin.display(description="old call")
    def call(self, row: ShadowDifference) -> SafeString:
        """Adapter and method, with a place to break between them."""
        return format_html("{}.<wbr>{}", row.adapter, row.method)

    @admin.display(description="the old sender sent")
    def old_sender(self, row: ShadowDifference) -> SafeString:
        return readable(row.old)

    @admin.display(description="the emitter would have sent")
    def emitter(self, row: ShadowDifference) -> SafeString:
        return readable(row.new)
