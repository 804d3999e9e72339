"""The roll-up: from what events took to totals per user, day, agent, model and tier.

It reads each stream on from where it stood, by (stream, seq), and writes the totals and the new position in one
transaction under the stream's lock. So it may be run twice, by two processes, or be killed in the middle, and every
event is in the totals once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import date
from typing import NamedTuple

from django.db import connections, transaction

from emitter import log
from emitter.conf import conf
from emitter.log.meter import Totals, UsageRow
from emitter.log.usage import SUMS, behind, day_of, next_rows, totals_of
from emitter.models import DailyUsage, RollUp

#: Most rows that one transaction takes in.
STEP = 1_000
#: Most streams that one look for work finds.
STREAMS = 1_000

TierOf = Callable[[str], str]
"""The name of a user's tier, by user key."""


class Bucket(NamedTuple):
    """What is added up together, of one user."""

    day: date
    agent: str
    model: str
    tier: str


def fold(rows: Iterable[UsageRow], tier: str) -> dict[Bucket, Totals]:
    """The sums of these rows. Pure."""
    sums: dict[Bucket, Totals] = {}
    for row in rows:
        bucket = Bucket(day_of(row.created_at), row.agent, row.model, tier)
        sums[bucket] = sums.get(bucket, Totals()) + row.totals
    return sums


def roll_up(tier_of: TierOf, step: int = STEP) -> int:
    """Takes in all that is not in the totals yet. Returns how many rows that were."""
    rolled = 0
    while some := sum(_roll_up_stream(key, tier_of(key), step) for key in behind(STREAMS)):
        rolled += some
    return rolled


def _roll_up_stream(key: str, tier: str, step: int) -> int:
    rolled = some = _roll_up_some(key, tier, step)
    while some >= step:
        some = _roll_up_some(key, tier, step)
        rolled += some
    return rolled


def _roll_up_some(key: str, tier: str, step: int) -> int:
    with transaction.atomic(using=conf.database):
        connection = connections[conf.database]
        log.dialect(connection).lock_streams(connection, [key], wait=True)
        positions = RollUp.objects.using(conf.database)
        before = positions.filter(stream=key).values_list("seq", flat=True).first()
        rows = next_rows(key, before or 0, step)
        if rows:
            _add(key, fold(rows, tier))
            position = RollUp(stream=key, seq=rows[-1].seq)
            positions.bulk_create([position], update_conflicts=True, unique_fields=["stream"], update_fields=["seq"])
        return len(rows)


def _add(key: str, sums: dict[Bucket, Totals]) -> None:
    days = {bucket.day for bucket in sums}
    stored = DailyUsage.objects.using(conf.database).filter(stream=key, day__in=days)
    before = {Bucket(row.day, row.agent, row.model, row.tier): totals_of(row) for row in stored}
    stored.bulk_create(
        [
            DailyUsage(stream=key, **bucket._asdict(), **asdict(before.get(bucket, Totals()) + totals))
            for bucket, totals in sums.items()
        ],
        update_conflicts=True,
        unique_fields=["stream", "day", "agent", "model", "tier"],
        update_fields=SUMS,
    )
