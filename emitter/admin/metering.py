"""What was used, and what users may spend."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from emitter.admin.filters import UserFilter
from emitter.admin.read_only import ReadOnly
from emitter.errors import EmitterError
from emitter.models import Budget, DailyUsage
from emitter.policy import users


@admin.register(DailyUsage)
class DailyUsageAdmin(ReadOnly):
    """What each user's agents took, by day, agent, model and tier."""

    empty = "A day is here when events of that day have told of tokens."
    list_display = ("day", "stream", "agent", "model", "tier", "calls", "input_tokens", "output_tokens", "cost")
    list_filter = (UserFilter,)
    ordering = ("-day", "-id")
    sortable_by = ()

    @admin.display(description="cost (USD)")
    def cost(self, row: DailyUsage) -> str:
        """Of the calls that have a price."""
        return cost_text(row.cost_usd, row.unpriced)


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


def cost_text(usd: Decimal | None, unpriced: int) -> str:
    """An amount for people; the API tells every digit."""
    known = "–" if usd is None else f"{usd:.6f}"
    return f"{known} ({unpriced:,} calls without a price)" if unpriced else known
