"""Rows of counted calls: one for each minute, adapter, change of mode and mode, added to by every process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Sum

from emitter.conf import conf
from emitter.migration.limits import Counts
from emitter.migration.modes import Setting
from emitter.models import AdapterTally, Mode


@dataclass(slots=True)
class Tally:
    """Calls under one change that went one way."""

    setting: Setting
    mode: Mode
    calls: int = 0
    failures: int = 0
    differences: int = 0


def add(tally: Tally, now: datetime) -> None:
    """Adds calls, failures and differences to the minute's row."""
    setting, counts = tally.setting, {name: getattr(tally, name) for name in Counts._fields}
    row = AdapterTally(adapter=setting.adapter, change=setting.change, mode=tally.mode, minute=_minute(now), **counts)
    if _added(row):
        return
    try:
        with transaction.atomic(using=conf.database):
            row.save(using=conf.database, force_insert=True)
    except IntegrityError:  # Another process began the minute.
        _added(row)


def of_window(setting: Setting, mode: Mode, now: datetime, minutes: int) -> Counts:
    """What was counted in the minute that runs and those before it, since the change alone."""
    rows = AdapterTally.objects.using(conf.database).filter(
        adapter=setting.adapter, change=setting.change, mode=mode, minute__gt=_minute(now) - timedelta(minutes=minutes)
    )
    sums = rows.aggregate(calls=Sum("calls"), failures=Sum("failures"), differences=Sum("differences"))
    return Counts(**{name: value or 0 for name, value in sums.items()})


def prune(before: datetime) -> int:
    """Deletes rows of minutes long past."""
    return AdapterTally.objects.using(conf.database).filter(minute__lt=before).delete()[0]


def _added(row: AdapterTally) -> int:
    rows = AdapterTally.objects.using(conf.database).filter(
        adapter=row.adapter, change=row.change, mode=row.mode, minute=row.minute
    )
    return rows.update(**{name: F(name) + getattr(row, name) for name in Counts._fields})


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
