"""Budgets as arithmetic: how much, for which period, and what a sum spent means. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import Enum, auto
from typing import Any

PERIODS = ("day", "month")
WARN = Decimal("0.8")


class Verdict(Enum):
    """What a sum spent means for its budget."""

    WITHIN = auto()
    WARN = auto()
    STOP = auto()


@dataclass(frozen=True, slots=True)
class Limit:
    """What may be spent in a ``day`` or ``month`` of UTC; from the part ``warn`` of it on, its user is warned."""

    usd: Decimal
    per: str
    warn: Decimal = WARN

    def begins(self, today: date) -> date:
        """The first day of the period that ``today`` is in."""
        return today.replace(day=1) if self.per == "month" else today

    def judge(self, spent: Decimal | None) -> Verdict:
        """Whether so much is within the budget. Whoever has spent nothing is, whatever the budget."""
        if not spent or spent < self.usd * self.warn:
            return Verdict.WITHIN
        return Verdict.STOP if spent >= self.usd else Verdict.WARN


def limit_from(name: str, given: Any) -> Limit:
    """A limit as ``BUDGETS`` has it. Raises ``ValueError`` that says what to write."""
    try:
        if not isinstance(given, Mapping) or given.keys() - {"usd", "per", "warn"}:
            raise TypeError
        usd, warn = (_amount(value) for value in (given["usd"], given.get("warn", WARN)))
        if usd < 0 or not 0 < warn <= 1 or given.get("per", "day") not in PERIODS:
            raise TypeError
    except (KeyError, TypeError, InvalidOperation):
        raise ValueError(
            f'BUDGETS[{name!r}] takes {{"usd": "5.00", "per": "day"}} or "month", and "warn" above 0, at most 1.'
        ) from None
    return Limit(usd, given.get("per", "day"), warn)


def _amount(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, Decimal | str | int) or not Decimal(value).is_finite():
        raise TypeError
    return Decimal(value)
