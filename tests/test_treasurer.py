"""Budgets act on the stream: a warning once a period, and runs that are stopped."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.core.management import call_command

from emitter import clock, jobs, log, metrics, treasurer
from emitter.context import RunContext
from emitter.events import AgentCompleted, AgentThinking, Usage
from emitter.metering import spending
from emitter.metering.rollup import roll_up
from emitter.models import Budget, BudgetNotice, DailyUsage, Run
from emitter.policy.users import key_of
from emitter.service import RunEnded, emitter
from emitter.testing import EventsClient
from emitter.treasurer import account, tier_name

from .commands import told

pytestmark = pytest.mark.django_db(transaction=True)
DOLLAR = Usage("house", 1_000_000)


@pytest.fixture(autouse=True)
def one_moment() -> Iterator[None]:
    """Nothing is spent before midnight and accounted after it."""
    moment = time.time()
    clock.set_source(lambda: moment)
    yield
    clock.set_source()


@pytest.fixture(autouse=True)
def settings_of_money(configure) -> None:
    configure(PRICES={"house": {"input": "1", "output": "0"}}, BUDGETS={"free": {"usd": "5", "per": "day"}})


def spend(key: str, dollars: int, run: str = "r") -> None:
    emitter.emit_many([(RunContext(key, run_id=run), AgentThinking("t", usage=DOLLAR))] * dollars)


def notices(key: str) -> list[tuple[str, Any, str]]:
    """The events about budgets, and the ends of runs: type, what was spent, run."""
    events = [msgspec.json.decode(stored.body) for stored in log.history(key, limit=1_000)[0]]
    wanted = [event for event in events if event["type"] != "agent_thinking"]
    return [(event["type"], event["payload"].get("spent_usd"), event["run_id"]) for event in wanted]


def test_within_the_budget_nobody_is_told_anything(key) -> None:
    spend(key, 3)
    assert account() == 0
    assert notices(key) == []


def test_a_warning_comes_once_in_a_period(key) -> None:
    spend(key, 4)
    assert account() == 1
    assert account() == 0
    emitter.emit(RunContext(key, run_id="r"), AgentThinking("t", usage=Usage("house", 500_000)))
    assert account() == 0
    assert notices(key) == [("budget_warning", "4", "r")]


def test_the_next_period_begins_anew(key) -> None:
    spend(key, 4)
    account()
    yesterday = clock.now().date() - timedelta(days=1)
    BudgetNotice.objects.update(begins=yesterday)
    DailyUsage.objects.update(day=yesterday)
    spend(key, 1)
    assert account() == 0
    spend(key, 3)
    assert account() == 1
    assert [spent for _, spent, _ in notices(key)] == ["4", "4"]


def test_a_day_is_that_of_the_clock_that_dates_events(key) -> None:
    spend(key, 4)
    assert account() == 1
    tomorrow = time.time() + 86_400
    clock.set_source(lambda: tomorrow)
    spend(key, 3)
    assert account() == 0
    spend(key, 1)
    assert account() == 1


def test_a_month_sums_up_its_days(key, configure) -> None:
    configure(BUDGETS={"free": {"usd": "5", "per": "month"}})
    spend(key, 4)
    account()
    DailyUsage.objects.update(day=clock.now().date().replace(day=1))
    spend(key, 1)
    assert account() == 1
    assert notices(key)[-2:] == [("budget_exceeded", "5", "r"), ("agent_completed", None, "r")]


def test_when_it_is_spent_every_run_is_stopped_and_told_why(key, bob) -> None:
    spend(key, 5)
    spend(key, 1, run="second")
    spend(key_of(bob), 1, run="of-bob")
    assert account() == 1
    assert sorted(notices(key), key=lambda notice: notice[2]) == [
        ("budget_exceeded", "6", "r"),
        ("agent_completed", None, "r"),
        ("budget_exceeded", "6", "second"),
        ("agent_completed", None, "second"),
    ]
    assert dict(Run.objects.values_list("id", "state")) == {
        "r": "cancelled",
        "second": "cancelled",
        "of-bob": "running",
    }


def test_a_later_run_is_stopped_too_until_the_budget_is_raised(key) -> None:
    spend(key, 5)
    account()
    emitter.emit(RunContext(key, run_id="later"), AgentThinking("t"))
    assert account() == 1
    assert Run.objects.get(id="later").state == "cancelled"
    Budget.objects.create(stream=key, usd=50)
    emitter.emit(RunContext(key, run_id="latest"), AgentThinking("t"))
    assert account() == 0
    assert Run.objects.get(id="latest").state == "running"


def test_a_months_budget_stops_later_runs_too(key, configure) -> None:
    configure(BUDGETS={"free": {"usd": "5", "per": "month"}})
    spend(key, 5)
    account()
    emitter.emit(RunContext(key, run_id="later"), AgentThinking("t"))
    assert account() == 1
    assert Run.objects.get(id="later").state == "cancelled"


def test_who_spends_nothing_more_is_not_looked_at_again(key) -> None:
    spend(key, 4)
    roll_up(tier_name)
    assert spending.unchecked() == {key: 4}
    account()
    assert spending.unchecked() == {}


def test_without_a_run_under_way_the_latest_one_tells_it_once(key) -> None:
    spend(key, 5)
    emitter.emit(RunContext(key, run_id="r"), AgentCompleted())
    assert [account(), account()] == [1, 0]
    assert notices(key)[1:] == [("budget_exceeded", "5", "r")]


def test_a_users_own_budget_replaces_the_tiers(key, bob, configure) -> None:
    configure(BUDGETS={})
    Budget.objects.create(stream=key, usd="0.5")
    spend(key, 1)
    spend(key_of(bob), 100, run="of-bob")
    assert account() == 1
    assert notices(key)[0] == ("budget_exceeded", "1", "r")


def test_calls_without_a_price_spend_nothing(key) -> None:
    emitter.emit(RunContext(key, run_id="r"), AgentThinking("t", usage=Usage("unknown", 10**9)))
    assert account() == 0


async def test_the_producer_is_stopped_and_what_it_spent_till_then_counts(key) -> None:
    async with emitter.arun(RunContext(key, run_id="r")) as run:
        run.usage("house", 6_000_000)
        await run.thinking("dear")
        assert await asyncio.to_thread(account) == 1
        run.usage("house", 1_000_000)
        with pytest.raises(RunEnded):
            await run.thinking("dearer")
    assert await asyncio.to_thread(lambda: log.usage_of(["r"])["r"]["house"].cost_usd) == 7


def test_a_round_that_broke_off_after_the_roll_up_is_made_up_for(key) -> None:
    spend(key, 5)
    roll_up(tier_name)
    assert notices(key) == []
    assert account() == 1
    assert notices(key)[0][0] == "budget_exceeded"


def test_a_wrong_setting_is_logged_and_tried_again(key, configure, caplog) -> None:
    configure(BUDGETS={"free": {"usd": "much"}})
    spend(key, 5)
    assert account() == 0
    assert "budget_failed" in caplog.text
    configure(BUDGETS={"free": {"usd": "5"}})
    assert account() == 1


def test_the_acts_are_counted(key) -> None:
    before = [metrics.value("emitter_budget_acts_total", act=act) for act in ("warned", "stopped")]
    spend(key, 4)
    account()
    spend(key, 1)
    assert told("keep_budgets") == "1 users warned or stopped.\n"
    after = [metrics.value("emitter_budget_acts_total", act=act) for act in ("warned", "stopped")]
    assert after == [before[0] + 1, before[1] + 1]


def test_the_servers_loop_acts_each_time_it_is_due(key) -> None:
    (job,) = [job for job in jobs.JOBS if job.name == "budgets"]
    due: dict[str, float] = {}
    jobs.loop.do_due(due, now=100.0)
    spend(key, 5)
    jobs.loop.do_due(due, now=100.0 + job.seconds)
    assert Run.objects.get(id="r").state == "cancelled"
    # Two rounds, and a look at the clock each second: what the reference promises for the worst case.
    assert 2 * (job.seconds + 1) == treasurer.LATEST_SECONDS == 12


async def test_a_real_server_stops_a_run_within_what_is_promised(alice, live_server_process) -> None:
    key = key_of(alice)
    await asyncio.to_thread(Budget.objects.create, stream=key, usd=Decimal("0.001"), per="month")
    async with EventsClient(alice) as client:
        context = RunContext(key, run_id="r")
        await emitter.aemit(context, AgentThinking("t", usage=Usage("gpt-5", 812, 64)))
        async with asyncio.timeout(treasurer.LATEST_SECONDS + 20):
            await client.receive_event("budget_exceeded")
            ended = await client.receive_event("agent_completed")
    assert (ended.payload["status"], ended.run) == ("cancelled", "r")


def test_the_job_of_another_process_is_not_done_twice(key) -> None:
    assert jobs.take("budgets", "another", 3_600)
    spend(key, 5)
    jobs.loop.do_due({}, now=0.0)
    assert Run.objects.get(id="r").state == "running"
    call_command("keep_budgets")
    assert Run.objects.get(id="r").state == "cancelled"
