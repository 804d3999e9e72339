"""The rows of what events took in tokens: read and written in the transaction that stores the events.

They stand under the lock of their user's stream, so that no row is shared between users.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict
from datetime import UTC, date, datetime

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Exists, Max, OuterRef, Subquery
from django.db.models.functions import Coalesce

from emitter.conf import conf
from emitter.log.entry import Unit
from emitter.log.meter import Meter, RunModel, Totals, UsageRow
from emitter.models import EventUsage, RollUp, RunUsage, Stream, Used

SUMS = ("calls", "input_tokens", "output_tokens", "cost_usd", "unpriced")


def totals_of(row: Used) -> Totals:
    """The sums that a row holds."""
    return Totals(row.calls, row.input_tokens, row.output_tokens, row.cost_usd, row.unpriced)


def counted_of(connection: BaseDatabaseWrapper, units: Iterable[Unit]) -> dict[RunModel, Totals]:
    """What was counted of the runs of which these units tell more."""
    runs = {entry.run for unit in units for entry in unit.entries if entry.usage is not None}
    if not runs:
        return {}
    rows = RunUsage.objects.using(connection.alias).filter(run__in=runs)
    return {(row.run, row.model): totals_of(row) for row in rows}


def write_usage(connection: BaseDatabaseWrapper, meter: Meter) -> None:
    """Stores what the events of a batch took, and their runs' new totals."""
    EventUsage.objects.using(connection.alias).bulk_create(
        EventUsage(
            stream=row.stream,
            seq=row.seq,
            run=row.run,
            agent=row.agent,
            model=row.model,
            priced_by=row.priced_by,
            created_at=row.created_at,
            **asdict(row.totals),
        )
        for row in meter.rows
    )
    RunUsage.objects.using(connection.alias).bulk_create(
        [
            RunUsage(stream=meter.streams[run], run=run, model=model, **asdict(totals))
            for (run, model), totals in meter.changed.items()
        ],
        update_conflicts=True,
        unique_fields=["run", "model"],
        update_fields=SUMS,
    )


def usage_of(runs: Collection[str]) -> dict[str, dict[str, Totals]]:
    """What these runs took, by model."""
    found: dict[str, dict[str, Totals]] = {}
    for row in RunUsage.objects.using(conf.database).filter(run__in=runs).order_by("run", "model"):
        found.setdefault(row.run, {})[row.model] = totals_of(row)
    return found


def behind(limit: int) -> list[str]:
    """The user keys of streams of which usage is not rolled up yet."""
    position = RollUp.objects.filter(stream=OuterRef("key")).values("seq")
    newer = EventUsage.objects.filter(stream=OuterRef("key"), seq__gt=OuterRef("rolled"))
    streams = Stream.objects.using(conf.database).annotate(rolled=Coalesce(Subquery(position), 0))
    return list(streams.filter(Exists(newer)).values_list("key", flat=True)[:limit])


def next_rows(key: str, after: int, limit: int) -> list[UsageRow]:
    """The next rows of a stream, about ``limit`` of them: the rows of one event stay together."""
    rows = EventUsage.objects.using(conf.database).filter(stream=key, seq__gt=after).order_by("seq")
    last = rows.values_list("seq", flat=True)[limit - 1 : limit].first()
    return [_row(row) for row in (rows if last is None else rows.filter(seq__lte=last))]


def _row(row: EventUsage) -> UsageRow:
    names = row.stream, row.seq, row.run, row.agent, row.model
    return UsageRow(*names, totals_of(row), row.priced_by, row.created_at)


def prune_usage(key: str, pruned_to: int) -> None:
    """Deletes what pruned events took, as far as it is rolled up; the rest stays until it is. The stream is locked."""
    rolled = RollUp.objects.using(conf.database).filter(stream=key).first()
    if rolled is None:
        return
    rows = EventUsage.objects.using(conf.database).filter(stream=key, seq__lte=min(pruned_to, rolled.seq))
    last = rows.aggregate(last=Max("created_at"))["last"]
    if last is not None:
        rows.delete()
        rolled.pruned_day = max(filter(None, [rolled.pruned_day, day_of(last)]))
        rolled.save(update_fields=["pruned_day"])


def day_of(moment: datetime) -> date:
    """The day of UTC."""
    return moment.astimezone(UTC).date()
