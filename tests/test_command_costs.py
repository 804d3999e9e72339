"""``manage.py verify_costs``: finds each digit that differs, and none after any fault."""

import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from emitter import log
from emitter.context import RunContext
from emitter.errors import EmitterError
from emitter.events import AgentCompleted, AgentThinking, Custom, Usage
from emitter.metering.prices import cost_of
from emitter.metering.rollup import roll_up
from emitter.metering.verify import faults_of
from emitter.models import DailyUsage, Event, EventUsage, RunUsage
from emitter.policy.users import key_of
from emitter.service import emitter, upkeep

from .commands import beside, told
from .contention import until
from .processes import PROJECT, PostgreSQL
from .test_spool import drained

pytestmark = pytest.mark.django_db(transaction=True)
SOUND = "4 events of 1 streams: no difference.\n"
MODELS = ["gpt-5", "gpt-5-mini", "claude-sonnet-4-5", "in-house"]
FAULTS = {
    "UPDATE emitter_eventusage SET input_tokens = 813 WHERE seq = 2": "#2 gpt-5: the events tell 1 calls, 812 in, 64",
    "UPDATE emitter_eventusage SET cost_usd = cost_usd + 1 WHERE seq = 2": "0.001655000000 USD and stored is",
    "UPDATE emitter_eventusage SET model = 'x' WHERE seq = 2": "#2 x: the events tell 0 calls",
    "DELETE FROM emitter_eventusage WHERE seq = 2": "run r, gpt-5: the events tell 3 calls",
    "UPDATE emitter_runusage SET cost_usd = cost_usd - 1": "run r, gpt-5: the events tell 4 calls",
    "UPDATE emitter_runusage SET cost_usd = NULL": "stored is 4 calls, 3248 in, 256 out, no price",
    "DELETE FROM emitter_runusage": "run r, gpt-5: the events tell 4 calls",
    "UPDATE emitter_dailyusage SET output_tokens = 0": "agent, gpt-5: the events tell 4 calls, 3248 in, 256 out",
    "DELETE FROM emitter_dailyusage": "agent, gpt-5: the events tell 4 calls",
    "UPDATE emitter_rollup SET seq = 3": "the events tell 3 calls",
    "DELETE FROM emitter_event WHERE seq = 4": "#4: usage was counted of it and the event is not there",
}


@pytest.fixture
def filled(key) -> str:
    """A stream of four events that each tell of one call, rolled up."""
    emitter.emit_many([(RunContext(key, run_id="r"), AgentThinking("t", usage=Usage("gpt-5", 812, 64)))] * 4)
    roll_up(lambda _: "free")
    return key


@pytest.mark.parametrize("statement", FAULTS)
def test_it_finds(filled, statement) -> None:
    assert told("verify_costs") == SOUND
    with connection.cursor() as cursor:
        cursor.execute(statement)
    out = StringIO()
    with pytest.raises(CommandError, match=r"differences in \d events of 1 streams"):
        call_command("verify_costs", stdout=out)
    assert FAULTS[statement] in out.getvalue()


def test_one_users_alone(filled, bob) -> None:
    EventUsage.objects.filter(seq=1).delete()
    assert told("verify_costs", "--user", "bob") == "0 events of 1 streams: no difference.\n"
    with pytest.raises(CommandError, match="3 differences in 4 events"):
        told("verify_costs", "--user", "alice")


def test_redacted_pruned_and_unrolled_are_no_differences(filled) -> None:
    upkeep.redact(filled, 2)
    emitter.emit(RunContext(filled, run_id="r"), AgentCompleted(usage=Usage("gpt-5", 9_999, 64)))
    assert faults_of(filled).faults == []
    list(upkeep.prune([filled], days=0))
    emitter.emit(RunContext(filled, run_id="later"), AgentCompleted(usage=Usage("gpt-5", 7, 0)))
    assert faults_of(filled).faults == []


def test_a_list_of_calls_that_was_shortened_in_the_text_is_no_difference(filled) -> None:
    calls = [Usage("gpt-5", 7), Usage("gpt-5", 9)]
    emitter.emit(RunContext(filled, run_id="r"), AgentThinking("t", usage={"calls": calls}))
    body = Event.objects.get(seq=5).body
    shortened = body.replace('{"model":"gpt-5","input_tokens":9,"output_tokens":0}', '"… [1 more items]"')
    assert shortened != body
    Event.objects.filter(seq=5).update(body=shortened)
    assert faults_of(filled).faults == []


def test_prices_that_changed_since_are_no_difference(filled, configure) -> None:
    configure(PRICES={"gpt-5": {"input": "7", "output": "7"}})
    emitter.emit(RunContext(filled, run_id="r"), AgentThinking("t", usage=Usage("gpt-5", 812, 64)))
    configure(PRICES={"gpt-5": {"input": "9", "output": "9"}})
    assert faults_of(filled).faults == []


def test_the_totals_are_what_a_reader_of_the_texts_calculates(key) -> None:
    """Without our tables: every event's own usage, at its own time, by the public function."""
    chance = random.Random(7)
    for number in range(60):
        use = Usage(chance.choice(MODELS), chance.randrange(10**6), chance.randrange(10**5))
        emitter.emit(
            RunContext(key, run_id=f"run-{number % 7}"),
            Custom("usage_reported", AgentThinking("t", usage=use).payload()),
        )
    costs = []
    for stored in log.history(key, limit=1_000)[0]:
        body = msgspec.json.decode(stored.body)
        costs.append(cost_of(Usage(**body["payload"]["usage"]), datetime.fromisoformat(body["timestamp"])))
    roll_up(lambda _: "free")
    total = sum(cost for cost in costs if cost is not None)
    for model in (EventUsage, RunUsage, DailyUsage):
        assert sum(row.cost_usd for row in model.objects.exclude(cost_usd=None)) == total
    assert sum(row.unpriced for row in DailyUsage.objects.all()) == costs.count(None) > 0


steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["emit", "repeat", "roll back", "savepoint", "total", "refused", "roll up", "redact", "prune", "end"]
        ),
        st.integers(0, 2),
        st.sampled_from(MODELS),
        st.integers(0, 10**6),
    ),
    max_size=25,
)


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps)
def test_whatever_happens_the_totals_are_those_of_the_log(key, made) -> None:
    scope = uuid7()
    for what, run, model, tokens in made:
        take_step(key, what, f"{scope}-{run}", Usage(model, tokens, tokens // 3))
    assert faults_of(key).faults == []
    roll_up(lambda _: "free")
    assert faults_of(key).faults == []


def take_step(key: str, what: str, run: str, use: Usage) -> None:
    context, event = RunContext(key, run_id=run), AgentThinking("t", usage=use)
    if what == "roll up":
        roll_up(lambda _: "free", step=2)
    elif what == "redact":
        upkeep.redact(key, 1 + use.input_tokens % 5)
    elif what == "prune":
        list(upkeep.prune([key], days=0))
    elif what == "refused":
        with pytest.raises(EmitterError):
            emitter.emit_many([(context, event), (RunContext("nobody", run_id="x"), event)])
    elif what in ("roll back", "savepoint"):
        with transaction.atomic():
            emitter.emit(context, event)
            with transaction.atomic():
                emitter.emit(context, event)
                transaction.set_rollback(what == "savepoint")
            transaction.set_rollback(what == "roll back")
    elif what in ("total", "end"):
        emitter.emit(context, AgentCompleted(usage=use if what == "total" else None))
    else:
        event_id = uuid7()
        for _ in range(2 if what == "repeat" else 1):
            emitter.emit(context, event, event_id=event_id)


def test_after_a_producer_was_killed_the_totals_are_those_of_the_log(key, bob, server_environment) -> None:
    """By kill -9 in the middle of its emits: single, in batches, in transactions, for two users."""
    for _ in range(3):
        kill_in_the_middle([key, key_of(bob)], server_environment)
        roll_up(lambda _: "free", step=50)
    assert EventUsage.objects.count() == Event.objects.count() > 30
    for owner in (key, key_of(bob)):
        assert faults_of(owner).faults == []


def kill_in_the_middle(keys: list[str], environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "tests.spending_worker", *keys]
    environment = beside(
        {**environment, "DJANGO_SETTINGS_MODULE": "netra_events.settings", "PGAPPNAME": "spending_worker"}
    )
    with subprocess.Popen(command, env=environment, stdout=-1, cwd=PROJECT) as worker:
        for _ in range(20):
            assert worker.stdout.readline()
        worker.send_signal(signal.SIGKILL)
    until(lambda: not served("spending_worker"))


def served(application: str) -> bool:
    """Whether PostgreSQL still works for clients of this name: what a killed one has sent is carried out."""
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE application_name = %s", [application])
        return cursor.fetchone() is not None


@pytest.mark.scaled
def test_after_an_outage_what_was_spooled_is_counted_once(
    key, tmp_path: Path, configure, pool: ThreadPoolExecutor, postgres_server: PostgreSQL
) -> None:
    configure(SPOOL_FOLDER=str(tmp_path), EMIT_DEADLINE=100)
    context, event = RunContext(key, run_id="r"), AgentThinking("t", usage=Usage("gpt-5", 812, 64))
    emitter.emit(context, event)
    connection.close()
    postgres_server.stop()
    tried = pool.submit(emitter.emit, context, event)
    until(lambda: emitter._group._carrier.failing)
    emitter.spool.notice_away()  # As at its deadline, which is far.
    receipts = [tried.result(60), *(emitter.emit(context, event) for _ in range(9))]
    assert all(receipt.spooled for receipt in receipts)
    postgres_server.start()
    drained()
    roll_up(lambda _: "free")
    assert log.usage_of(["r"])["r"]["gpt-5"].calls == DailyUsage.objects.get().calls == 11
    assert faults_of(key).faults == []
