"""Budgets, as arithmetic."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter.metering.budgets import Limit, Verdict, limit_from

amounts = st.decimals(0, 1_000, places=4)
limits = st.builds(Limit, amounts, st.just("day"), st.decimals("0.01", 1, places=2))


@given(limits, amounts, amounts)
def test_who_spends_more_is_never_judged_milder(limit, one, other) -> None:
    order = [Verdict.WITHIN, Verdict.WARN, Verdict.STOP]
    less, more = sorted([one, other])
    assert order.index(limit.judge(less)) <= order.index(limit.judge(more))


@given(limits, amounts)
def test_a_verdict_says_what_was_reached(limit, spent) -> None:
    verdict = limit.judge(spent)
    assert (verdict is Verdict.STOP) == (spent > 0 and spent >= limit.usd)
    assert (verdict is Verdict.WITHIN) == (spent == 0 or spent < limit.usd * limit.warn)


def test_who_has_spent_nothing_is_within_any_budget() -> None:
    assert [Limit(Decimal(0), "day").judge(spent) for spent in (None, Decimal(0))] == [Verdict.WITHIN] * 2
    assert Limit(Decimal(0), "day").judge(Decimal("0.000000000001")) is Verdict.STOP


@given(st.dates())
def test_a_period_begins_on_a_day_of_its_own(today) -> None:
    day, month = (Limit(Decimal(1), per).begins(today) for per in ("day", "month"))
    assert (day, month) == (today, date(today.year, today.month, 1))


@pytest.mark.parametrize(
    ("given", "limit"),
    [
        ({"usd": "5.00"}, Limit(Decimal(5), "day")),
        ({"usd": 5, "per": "month", "warn": "0.5"}, Limit(Decimal(5), "month", Decimal("0.5"))),
        ({"usd": Decimal("0.1"), "warn": 1}, Limit(Decimal("0.1"), "day", Decimal(1))),
    ],
)
def test_what_the_settings_may_say(given, limit) -> None:
    assert limit_from("free", given) == limit


@pytest.mark.parametrize(
    "given",
    [
        {},
        5,
        {"usd": 0.1},
        {"usd": "much"},
        {"usd": "-1"},
        {"usd": "NaN"},
        {"usd": True},
        {"usd": "1", "per": "year"},
        {"usd": "1", "warn": "0"},
        {"usd": "1", "warn": "1.1"},
        {"usd": "1", "war": "0.8"},
    ],
)
def test_what_they_may_not_say_is_told_the_right_way(given) -> None:
    with pytest.raises(ValueError, match=r"BUDGETS\['free'\] takes"):
        limit_from("free", given)
