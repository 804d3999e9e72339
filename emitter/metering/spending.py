"""What users spend and may spend, from the tables."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.db.models import F, Sum

from emitter import log
from emitter.conf import conf
from emitter.metering.budgets import Limit, limit_from
from emitter.models import Budget, BudgetNotice, DailyUsage, RollUp

#: Most streams that one look finds.
STREAMS = 1_000


def limit_of(key: str, tier: str) -> Limit | None:
    """A user's own budget, else that of the user's tier. Raises ``ValueError`` when ``BUDGETS`` is wrong."""
    own = Budget.objects.using(conf.database).filter(stream=key).first()
    if own is not None:
        return Limit(own.usd or Decimal(0), own.per)
    return limit_from(tier, conf.budgets[tier]) if tier in conf.budgets else None


def spent_since(key: str, begins: date) -> Decimal | None:
    """What is rolled up of a user's priced calls since a day. ``None``: nothing has a price."""
    days = DailyUsage.objects.using(conf.database).filter(stream=key, day__gte=begins)
    spent: Decimal | None = days.aggregate(spent=Sum("cost_usd"))["spent"]
    return spent


def unchecked() -> dict[str, int]:
    """The streams that grew dearer since they were held against their budgets, and up to which number."""
    rows = RollUp.objects.using(conf.database).filter(checked__lt=F("seq"))
    return dict(rows.values_list("stream", "seq")[:STREAMS])


def note_checked(key: str, seq: int) -> None:
    """The stream was held against its budget up to here."""
    RollUp.objects.using(conf.database).filter(stream=key, checked__lt=seq).update(checked=seq)


def spent_and_running(notice: str, today: date) -> list[str]:
    """Users who were told in this period that their budget is spent, and have runs under way nevertheless."""
    told = BudgetNotice.objects.using(conf.database).filter(type=notice, begins__in={today, today.replace(day=1)})
    return list(told.filter(stream__in=log.running_keys()).values_list("stream", flat=True).distinct()[:STREAMS])


def note(key: str, limit: Limit, today: date, notice: str) -> bool:
    """Notes that a user is told something about this period's budget. False when that was told already."""
    _, new = BudgetNotice.objects.using(conf.database).get_or_create(
        stream=key, per=limit.per, begins=limit.begins(today), type=notice
    )
    return new
