"""Keys of services, made and revoked by staff, and the record of who looked at what, which staff can only read."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from emitter.admin.filters import UserFilter
from emitter.admin.read_only import ReadOnly
from emitter.conf import conf
from emitter.errors import EmitterError
from emitter.events import KNOWN_TYPES
from emitter.models import AccessRecord, ServiceKey
from emitter.policy import service_keys, users


def listed(text: str) -> list[str]:
    """The values of a text, separated by commas or white space, each once."""
    return list(dict.fromkeys(text.replace(",", " ").split()))


class ServiceKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new key. Nobody can give away what they may not do themselves."""

    types = forms.CharField(
        label="only these event types", required=False, help_text="Separated by commas; none: all types."
    )
    users = forms.CharField(
        label="only for these users", required=False, help_text="User keys or names, separated by commas; none: all."
    )
    #: Who fills it in; set by the admin.
    maker: Any = None

    class Meta:
        model = ServiceKey
        fields = ("name", "may_emit", "may_read", "types", "users", "rate", "expires_at")

    def clean_types(self) -> list[str]:
        types = listed(self.cleaned_data["types"])
        if unknown := set(types) - KNOWN_TYPES - set(conf.custom_types):
            raise ValidationError(f"There is no event type {', '.join(sorted(unknown))}.")
        return types

    def clean_users(self) -> list[str]:
        try:
            return [users.find(named) for named in listed(self.cleaned_data["users"])]
        except EmitterError as error:
            raise ValidationError(error.detail) from error

    def clean_may_emit(self) -> bool:
        return self._may_give("may_emit", "emitter.emit_event")

    def clean_may_read(self) -> bool:
        return self._may_give("may_read", "emitter.view_event")

    def clean_rate(self) -> int | None:
        rate: int | None = self.cleaned_data["rate"]
        if rate == 0:
            raise ValidationError("A rate is 1 or more; leave it empty for the usual one.")
        return rate

    def _may_give(self, name: str, permission: str) -> bool:
        wanted: bool = self.cleaned_data[name]
        if wanted and not self.maker.has_perm(permission):
            raise ValidationError(f"You lack the permission {permission} yourself.")
        return wanted


@admin.register(ServiceKey)
class ServiceKeyAdmin(ReadOnly):
    """Service keys: the secret is shown once, on the page that follows the form, and is kept nowhere."""

    empty = "A service key lets a producer that is no user emit or read: add one."
    form = ServiceKeyForm
    list_display = ("prefix", "name", "may_emit", "may_read", "state", "used_at", "created_by")
    ordering = ("-id",)
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("emitter.add_servicekey")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Who may change keys may revoke them."""
        return request.user.has_perm("emitter.change_servicekey")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The form for a new key; of one that is there, what it is, but not its hash."""
        shown = ("prefix", *ServiceKeyForm.Meta.fields, "created_at", "created_by", "used_at", "revoked_at")
        return shown if obj else ServiceKeyForm.Meta.fields

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"maker": request.user})

    def save_model(self, request: HttpRequest, obj: ServiceKey, form: Any, change: bool) -> None:
        form.secret = service_keys.issue(obj, by=users.key_of(request.user))
        request.issued_secret = form.secret  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """The secret, in this answer alone: no cookie, session or log ever holds it."""
        context = {
            **self.admin_site.each_context(request),
            "title": "The key, this once",
            "opts": self.opts,
            "key": obj,
            "secret": request.issued_secret,  # type: ignore[attr-defined]
        }
        response = TemplateResponse(request, "admin/emitter/issued_key.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @admin.display(description="state")
    def state(self, key: ServiceKey) -> str:
        """Whether it opens anything."""
        if key.revoked_at is not None:
            return f"revoked {key.revoked_at:%Y-%m-%d %H:%M}"
        expired = key.expires_at is not None and key.expires_at <= timezone.now()
        return "expired" if expired else "good"

    @admin.action(description="Revoke the selected keys, at once and for good", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ServiceKey]) -> None:
        """Ends keys; the admin's own history says who did it."""
        keys = list(queryset.filter(revoked_at=None))
        revoked = service_keys.revoke([key.id for key in keys])
        for key in keys:
            self.log_change(request, key, "Revoked.")
        self.message_user(request, f"{revoked} keys revoked.", messages.SUCCESS)


@admin.register(AccessRecord)
class AccessRecordAdmin(ReadOnly):
    """Who looked at whose data, newest first. Nobody can change or delete a record here."""

    empty = "A record is made when somebody opens what is another's."
    list_display = ("at", "reader", "how", "what", "stream", "detail")
    list_filter = (UserFilter, "how", "what")
    ordering = ("-id",)
    sortable_by = ()
