"""Counting, as pure arithmetic: whatever a run tells, in whatever order and batches, counts once."""

from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from emitter.events import Usage
from emitter.log.entry import Entry, Reported
from emitter.log.meter import Meter, Priced, Totals

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC)
MODELS = ["small", "large", "unknown"]
calls = st.builds(Usage, st.sampled_from(MODELS), st.integers(0, 500), st.integers(1, 500))
events = st.tuples(st.sampled_from(["r1", "r2"]), st.lists(calls, min_size=1, max_size=3).map(tuple))


def entry(run: str, reported: Reported) -> Entry:
    return Entry(
        stream="a",
        run=run,
        thread=None,
        agent="analyst",
        type="agent_thinking",
        event_id=UUID(int=0),
        given=False,
        digest=b"",
        payload=b"{}",
        created_at=NOW,
        usage=reported,
    )


def price(use: Usage, at: datetime) -> Priced | None:
    assert at.microsecond == 678_000
    if use.model == "unknown":
        return None
    return Priced(use.input_tokens * Decimal("0.00000125") + use.output_tokens * Decimal("0.00001"), "test")


def cost(calls: list[Usage]) -> Decimal | None:
    priced = [one.usd for call in calls if (one := price(call, NOW.replace(microsecond=678_000)))]
    return sum(priced, Decimal(0)) if priced else None


class Log:
    """What a database would keep between batches."""

    def __init__(self) -> None:
        self.runs: dict[tuple[str, str], Totals] = {}
        self.seq = 0
        self.rows: list = []

    def batch(self, *told: tuple[str, Reported]) -> None:
        meter = Meter(self.runs, price)
        for run, reported in told:
            self.seq += 1
            meter.count(entry(run, reported), self.seq)
        self.runs |= meter.changed
        self.rows += meter.rows


@given(st.lists(st.lists(events, max_size=4), max_size=6))
def test_a_runs_totals_are_the_sums_of_its_calls(batches) -> None:
    log, told = Log(), defaultdict(list)
    for batch in batches:
        log.batch(*((run, Reported(uses)) for run, uses in batch))
        for run, uses in batch:
            for use in uses:
                told[run, use.model].append(use)
    assert log.runs.keys() == told.keys()
    for key, uses in told.items():
        totals = log.runs[key]
        assert (totals.calls, totals.input_tokens) == (len(uses), sum(use.input_tokens for use in uses))
        assert totals.cost_usd == cost(uses)
        assert totals.unpriced == (len(uses) if key[1] == "unknown" else 0)


@given(st.lists(st.lists(events, max_size=4), max_size=6))
def test_the_rows_of_events_sum_up_to_their_runs(batches) -> None:
    log = Log()
    for batch in batches:
        log.batch(*((run, Reported(uses)) for run, uses in batch))
    sums: dict = defaultdict(Totals)
    for row in log.rows:
        sums[row.run, row.model] += row.totals
    assert sums == log.runs
    assert len({(row.seq, row.model) for row in log.rows}) == len(log.rows)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=6), st.integers(0, 99), st.integers(1, 99))
def test_a_total_counts_what_it_says_above_what_was_told(during, total_in, total_out) -> None:
    log = Log()
    for number_in, number_out in during:
        log.batch(("r", Reported((Usage("small", number_in, number_out),))))
    log.batch(("r", Reported((Usage("small", total_in, total_out),), total=True)))
    totals = log.runs["r", "small"]
    assert totals.input_tokens == max(total_in, sum(number for number, _ in during))
    assert totals.output_tokens == max(total_out, sum(number for _, number in during))


def test_a_total_said_twice_counts_once_also_in_one_batch() -> None:
    log, said = Log(), ("r", Reported((Usage("small", 10, 20),), total=True))
    log.batch(said, said)
    log.batch(said)
    assert (log.runs["r", "small"].input_tokens, len(log.rows)) == (10, 1)


def test_a_total_without_a_model_is_of_all_models() -> None:
    log = Log()
    log.batch(("r", Reported((Usage("small", 10, 20), Usage("large", 1, 2)))))
    log.batch(("r", Reported((Usage("", 15, 22),), total=True)))
    assert (log.runs["r", ""].input_tokens, log.runs["r", ""].output_tokens) == (4, 0)


def test_one_event_has_one_row_for_each_model() -> None:
    log = Log()
    log.batch(("r", Reported((Usage("small", 1), Usage("large", 2), Usage("small", 3)))))
    assert [(row.model, row.totals.calls, row.totals.input_tokens) for row in log.rows] == [
        ("small", 2, 4),
        ("large", 1, 2),
    ]
