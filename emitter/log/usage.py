"""The rows of what events took in tokens: read and written in the transaction that stores the events.

They stand under the lock of their user's stream, so that no row is shared between users.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import Exists, Max, OuterRef, Subquery
from django.db.models.functions import Coalesce

from emitter.conf import conf
from emitter.fields import UsdField
from emitter.log.entry import Unit
from emitter.log.meter import Meter, RunModel, Totals, UsageRow
from emitter.models import EventUsage, RollUp, RunUsage, Stream, Used

#: Rows of one statement.
ROWS = 256
USD = UsdField()
SUMS = ("calls", "input_tokens", "output_tokens", "cost_usd", "unpriced")


def totals_of(row: Used) -> Totals:
    """The sums that a row holds."""
    return Totals(row.calls, row.input_tokens, row.output_tokens, row.cost_usd, row.unpriced)


def counted_of(connection: BaseDatabaseWrapper, units: Iterable[Unit]) -> dict[RunModel, Totals]:
    """What was counted of the runs of which these units tell more."""
    runs = list({entry.run for unit in units for entry in unit.entries if entry.usage is not None})
    if not runs:
        return {}
    with connection.cursor() as cursor:
        marks = ", ".join(["%s"] * len(runs))
        cursor.execute(f"SELECT run, model, {', '.join(SUMS)} FROM emitter_runusage WHERE run IN ({marks})", runs)
        return {
            (run, model): Totals(calls, tokens_in, tokens_out, USD.from_db_value(cost), unpriced)
            for run, model, calls, tokens_in, tokens_out, cost, unpriced in cursor.fetchall()
        }


def write_usage(connection: BaseDatabaseWrapper, meter: Meter) -> None:
    """Stores what the events of a batch took, and their runs' new totals."""
    moment = connection.ops.adapt_datetimefield_value
    events = [
        (r.stream, r.seq, r.run, r.agent, r.model, r.priced_by, moment(r.created_at), *_stored(r.totals))
        for r in meter.rows
    ]
    runs = [(meter.streams[run], run, model, *_stored(totals)) for (run, model), totals in meter.changed.items()]
    sums = ", ".join(SUMS)
    raised = ", ".join(f"{name} = excluded.{name}" for name in SUMS)
    with connection.cursor() as cursor:
        columns = f"stream, seq, run, agent, model, priced_by, created_at, {sums}"
        _insert(cursor, f"INSERT INTO emitter_eventusage ({columns})", events)
        conflict = f"ON CONFLICT (run, model) DO UPDATE SET {raised}"
        _insert(cursor, f"INSERT INTO emitter_runusage (stream, run, model, {sums})", runs, conflict)


def _insert(cursor: CursorWrapper, into: str, rows: Sequence[tuple[Any, ...]], conflict: str = "") -> None:
    for start in range(0, len(rows), ROWS):
        some = rows[start : start + ROWS]
        marks = f"({', '.join(['%s'] * len(some[0]))})"
        values = [value for row in some for value in row]
        cursor.execute(f"{into} VALUES {', '.join([marks] * len(some))} {conflict}", values)


def _stored(totals: Totals) -> tuple[int | None, ...]:
    """The sums as their columns hold them, in the order of ``SUMS``."""
    cost = USD.get_prep_value(totals.cost_usd)
    return totals.calls, totals.input_tokens, totals.output_tokens, cost, totals.unpriced


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
    rows = EventUsage.objects.using(conf.database).filter(stream=key, seq__gt=after).order_by("seq", "id")
    found = list(rows[:limit])
    if len(found) == limit:
        found += rows.filter(seq=found[-1].seq, id__gt=found[-1].id)
    return [_row(row) for row in found]


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
