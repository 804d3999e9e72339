"""The roll-up: every event in the totals once, whoever runs it, however often, and wherever it is killed."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from emitter import clock
from emitter.context import RunContext
from emitter.events import AgentThinking, Usage
from emitter.log.meter import Totals, UsageRow
from emitter.log.usage import totals_of
from emitter.metering.rollup import Bucket, fold, roll_up
from emitter.metering.verify import faults_of
from emitter.models import DailyUsage, Event, EventUsage, RollUp
from emitter.policy.users import key_of
from emitter.service import emitter, upkeep

from .commands import beside, told

DAY = date(2026, 1, 2)
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
costs = st.none() | st.decimals(0, 1_000, places=12)
rows = st.builds(
    lambda seq, agent, model, cost, days: UsageRow(
        "a", seq, "r", agent, model, Totals(1, seq, 1, cost, 0 if cost else 1), "", NOON + timedelta(days)
    ),
    st.integers(1, 99),
    st.sampled_from(["analyst", "writer"]),
    st.sampled_from(["small", "large"]),
    costs,
    st.integers(0, 2),
)


@given(st.lists(rows), st.integers(0, 20))
def test_sums_of_parts_are_the_sums_of_all(made, cut) -> None:
    whole, parts = fold(made, "free"), [fold(made[:cut], "free"), fold(made[cut:], "free")]
    assert {key: parts[0].get(key, Totals()) + parts[1].get(key, Totals()) for key in whole} == whole
    assert sum((totals.input_tokens for totals in whole.values()), 0) == sum(row.seq for row in made)
    assert sum((totals.cost_usd or 0 for totals in whole.values()), Decimal(0)) == sum(
        row.totals.cost_usd or 0 for row in made
    )


def test_the_day_is_that_of_utc() -> None:
    late = datetime.fromisoformat("2026-01-01T23:30:00-02:00")
    row = UsageRow("a", 1, "r", "analyst", "small", Totals(1, 1), "", late)
    assert fold([row], "mid") == {Bucket(DAY, "analyst", "small", "mid"): Totals(1, 1)}


@pytest.mark.django_db(transaction=True)
class TestTables:
    """Against the database."""

    @pytest.fixture(autouse=True)
    def one_moment(self) -> Iterator[None]:
        """All events are of one day."""
        moment = time.time()
        clock.set_source(lambda: moment)
        yield
        clock.set_source()

    def fill(self, key: str, number: int = 5, model: str = "gpt-5") -> None:
        event = AgentThinking("t", usage={"calls": [Usage(model, 812, 64), Usage("in-house", 7)]})
        emitter.emit_many([(RunContext(key, run_id=f"of {key}", agent_name="analyst"), event)] * number)

    def totals(self) -> dict[tuple[str, str, str], Totals]:
        return {(row.stream, row.model, row.tier): totals_of(row) for row in DailyUsage.objects.all()}

    def test_it_adds_up_by_user_agent_model_tier_and_day(self, key, bob) -> None:
        self.fill(key)
        self.fill(key_of(bob), 1)
        assert roll_up(lambda owner: "mid" if owner == key else "free") == 12
        assert self.totals() == {
            (key, "gpt-5", "mid"): Totals(5, 5 * 812, 5 * 64, 5 * Decimal("0.001655")),
            (key, "in-house", "mid"): Totals(5, 35, 0, None, 5),
            (key_of(bob), "gpt-5", "free"): Totals(1, 812, 64, Decimal("0.001655")),
            (key_of(bob), "in-house", "free"): Totals(1, 7, 0, None, 1),
        }
        assert {(row.day, row.agent) for row in DailyUsage.objects.all()} == {(clock.now().date(), "analyst")}

    def test_twice_changes_nothing_and_more_is_added(self, key) -> None:
        self.fill(key)
        assert told("roll_up_usage") == "10 rows rolled up.\n"
        once = self.totals()
        assert told("roll_up_usage") == "0 rows rolled up.\n"
        assert self.totals() == once
        self.fill(key, 2)
        assert told("roll_up_usage") == "4 rows rolled up.\n"
        assert self.totals()[key, "gpt-5", "free"].calls == 7

    @pytest.mark.parametrize("step", [1, 2, 3, 7])
    def test_in_steps_the_rows_of_one_event_stay_together(self, key, step) -> None:
        self.fill(key)
        assert roll_up(lambda _: "free", step=step) == 10
        assert [totals.calls for totals in self.totals().values()] == [5, 5]
        assert RollUp.objects.get().seq == 5

    def test_many_at_once_add_each_event_once(self, key, pool: ThreadPoolExecutor) -> None:
        for _ in range(5):
            self.fill(key, 20)
            for done in [pool.submit(roll_up, lambda _: "free", 7) for _ in range(6)]:
                done.result(120)
        assert [totals.calls for totals in self.totals().values()] == [100, 100]
        assert faults_of(key).faults == []

    def test_killed_before_its_commit_it_has_done_nothing(self, key, server_environment) -> None:
        self.fill(key)
        script = (
            "import sys, django; django.setup()\n"
            "from django.db import connection; from emitter.treasurer import tier_name\n"
            "from emitter.metering.rollup import roll_up\n"
            "def watch(execute, sql, *rest):\n"
            "    done = execute(sql, *rest)\n"
            "    if sql.startswith('INSERT INTO \"emitter_rollup\"'): print('written', flush=True); sys.stdin.read()\n"
            "    return done\n"
            "with connection.execute_wrapper(watch): roll_up(tier_name)\n"
        )
        environment = beside({**server_environment, "DJANGO_SETTINGS_MODULE": "netra_events.settings"})
        with subprocess.Popen(
            [sys.executable, "-c", script], env=environment, stdin=-1, stdout=-1, text=True
        ) as worker:
            assert worker.stdout.readline() == "written\n"
            worker.send_signal(signal.SIGKILL)
        assert self.totals() == {}
        assert roll_up(lambda _: "free") == 10
        assert self.totals()[key, "gpt-5", "free"].calls == 5

    def test_what_is_pruned_before_it_is_rolled_up_is_not_lost(self, key) -> None:
        self.fill(key)
        Event.objects.update(created_at=timezone.now() - timedelta(days=40))
        assert list(upkeep.prune([key])) == [5]
        assert EventUsage.objects.count() == 10
        roll_up(lambda _: "free")
        assert self.totals()[key, "gpt-5", "free"].calls == 5
        assert faults_of(key).faults == []

    def test_so_is_what_came_after_the_last_roll_up(self, key) -> None:
        self.fill(key)
        roll_up(lambda _: "free")
        self.fill(key, 3)
        assert list(upkeep.prune([key], days=0)) == [8]
        assert EventUsage.objects.count() == 6
        roll_up(lambda _: "free")
        assert self.totals()[key, "gpt-5", "free"].calls == 8

    def test_what_is_rolled_up_goes_with_its_events(self, key) -> None:
        self.fill(key)
        roll_up(lambda _: "free")
        Event.objects.update(created_at=timezone.now() - timedelta(days=40))
        self.fill(key, 1)
        list(upkeep.prune([key]))
        assert EventUsage.objects.count() == 2
        assert RollUp.objects.get().pruned_day == clock.now().date()
        roll_up(lambda _: "free")
        assert self.totals()[key, "gpt-5", "free"].calls == 6
        assert faults_of(key).faults == []

    def test_erasing_a_user_leaves_nothing_and_a_new_beginning(self, key) -> None:
        self.fill(key)
        roll_up(lambda _: "free")
        list(upkeep.erase(key))
        assert not any(model.objects.exists() for model in (EventUsage, DailyUsage, RollUp))
        self.fill(key, 1)
        assert roll_up(lambda _: "free") == 2
