"""Tokens and cost through the emitter: told with events, counted once, in the transaction that stores the event."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from uuid_utils.compat import uuid7

from emitter import log, metrics
from emitter.context import RunContext
from emitter.events import AgentCompleted, AgentThinking, Custom, ToolCompleted, Usage
from emitter.log.meter import Totals
from emitter.metering.prices import cost_of
from emitter.models import EventUsage, RunUsage
from emitter.service import RunEnded, emitter

pytestmark = pytest.mark.django_db(transaction=True)
USE = Usage("gpt-5", 812, 64)
COST = Decimal("0.001655")


@pytest.fixture
def context(key) -> RunContext:
    return RunContext(key, run_id="r", agent_name="analyst")


def used(run: str = "r") -> dict[str, Totals]:
    return log.usage_of([run]).get(run, {})


def test_an_event_with_usage_is_counted_with_its_cost(context) -> None:
    receipt = emitter.emit(context, AgentThinking("t", usage=USE))
    assert used() == {"gpt-5": Totals(1, 812, 64, COST)}
    row = EventUsage.objects.get()
    assert (row.stream, row.seq, row.run, row.agent) == (context.user_id, receipt.seq, "r", "analyst")
    assert row.priced_by.startswith("genai-prices ")
    assert row.cost_usd == cost_of(USE, datetime.now(UTC)) == COST


def test_an_event_without_usage_costs_no_further_statement(context) -> None:
    emitter.emit(context, AgentThinking("t"))
    with CaptureQueriesContext(connection) as queries:
        emitter.emit(context, AgentThinking("t"))
    assert [query["sql"] for query in queries if "usage" in query["sql"]] == []


def test_a_model_nobody_knows_is_null_and_counted(context) -> None:
    before = metrics.value("emitter_unpriced_total")
    emitter.emit(context, ToolCompleted("search", usage=Usage("in-house", 7, 9)))
    emitter.emit(context, ToolCompleted("search", usage=Usage("in-house", 1, 0)))
    assert used() == {"in-house": Totals(2, 8, 9, None, 2)}
    assert metrics.value("emitter_unpriced_total") == before + 2


def test_the_metrics_count_what_is_stored(context) -> None:
    def counted() -> list[float]:
        tokens = metrics.value("emitter_tokens_total", model="gpt-5", direction="input")
        return [tokens, metrics.value("emitter_cost_usd_total", model="gpt-5")]

    tokens, cost = counted()
    with transaction.atomic():
        emitter.emit(context, AgentThinking("t", usage=USE))
        assert counted() == [tokens, cost]
    assert counted() == [tokens + 812, pytest.approx(cost + 0.001655)]


def test_a_repeated_id_counts_once(context) -> None:
    event_id = uuid7()
    for _ in range(3):
        emitter.emit(context, AgentThinking("t", usage=USE), event_id=event_id)
    assert used()["gpt-5"].calls == 1


def test_what_is_rolled_back_counts_nothing(context) -> None:
    with transaction.atomic():
        emitter.emit(context, AgentThinking("t", usage=USE))
        with transaction.atomic():
            emitter.emit(context, AgentThinking("t", usage=USE))
            transaction.set_rollback(True)
    assert used()["gpt-5"].calls == EventUsage.objects.count() == 1
    with transaction.atomic():
        emitter.emit(context, AgentThinking("t", usage=USE))
        transaction.set_rollback(True)
    assert used()["gpt-5"].calls == EventUsage.objects.count() == 1


def test_what_comes_after_the_end_was_spent_too(context) -> None:
    emitter.emit(context, AgentCompleted())
    assert emitter.emit(context, AgentThinking("t", usage=USE)).after_end
    assert used()["gpt-5"].calls == 1


def test_told_during_a_run_and_in_total_at_its_end_counts_once(context) -> None:
    emitter.emit_many([(context, AgentThinking("t", usage=USE)), (context, AgentThinking("t", usage=USE))])
    emitter.emit(context, AgentCompleted(usage=Usage("gpt-5", 1_700, 128)))
    assert used() == {"gpt-5": Totals(3, 1_700, 128, 2 * COST + Decimal("0.000095"))}


def test_a_run_tells_each_call_with_its_next_event(context) -> None:
    with emitter.run(context) as run:
        run.usage("gpt-5", 812, 64)
        run.thinking("Hm")
        run.usage("gpt-5", 812, 64)
        run.usage("gpt-5-mini", 10)
        assert used() == {"gpt-5": Totals(1, 812, 64, COST)}
    assert used() == {"gpt-5": Totals(2, 1_624, 128, 2 * COST), "gpt-5-mini": Totals(1, 10, 0, Decimal("0.0000025"))}


def test_an_agent_that_ends_its_run_with_a_total_has_told_all(context) -> None:
    with emitter.run(context) as run:
        run.usage("gpt-5", 812, 64)
        run.emit(AgentCompleted(usage=Usage("gpt-5", 812, 64)))
    assert log.history(context.user_id)[0][-1].type == "agent_completed"
    assert used() == {"gpt-5": Totals(1, 812, 64, COST)}


def test_a_failed_run_tells_what_it_took(context) -> None:
    with pytest.raises(ZeroDivisionError), emitter.run(context) as run:  # noqa: PT012
        run.usage("gpt-5", 812, 64)
        1 / 0  # noqa: B018
    assert used()["gpt-5"].calls == 1


def test_a_run_ended_by_somebody_else_still_tells_what_it_took(context) -> None:
    with emitter.run(context) as run:
        emitter.emit(context, AgentCompleted(status="cancelled"))
        with pytest.raises(RunEnded):
            run.thinking("still here")
        run.usage("gpt-5", 812, 64)
    last = log.history(context.user_id)[0][-1]
    assert (last.type, used()["gpt-5"].calls) == ("usage_reported", 1)


def test_an_events_own_usage_and_the_handles_are_both_in_the_summary(context) -> None:
    with emitter.run(context) as run:
        run.usage("gpt-5-mini", 5)
        run.emit(AgentThinking("t", usage=USE))
        run.emit(Custom("own", {"usage": {"model": "gpt-5", "input_tokens": 1}}))
    assert '"usage":{"input_tokens":818,"output_tokens":64,' in log.history(context.user_id)[0][-1].body
    assert used()["gpt-5"].input_tokens == 813


def test_an_event_that_was_refused_leaves_its_usage_to_the_next(context, configure) -> None:
    configure(PAYLOAD_BYTES=500)
    with emitter.run(context) as run:
        run.usage("gpt-5", 812, 64)
        with pytest.raises(Exception, match="payload_too_large"):
            run.thinking("t" * 1_000)
    assert used()["gpt-5"].calls == 1


async def test_many_at_once_lose_and_repeat_nothing(context) -> None:
    async with emitter.arun(context) as run:
        for _ in range(20):
            run.usage("gpt-5", 1, 1)
            await asyncio.gather(*(run.thinking("t") for _ in range(5)))
    totals = await asyncio.to_thread(used)
    assert totals["gpt-5"].input_tokens == 20


def test_redaction_and_a_new_epoch_change_no_total(context) -> None:
    from emitter.service import upkeep

    emitter.emit(context, AgentThinking("t", usage=USE))
    upkeep.redact(context.user_id, 1)
    upkeep.new_epoch([context.user_id])
    assert used()["gpt-5"].calls == RunUsage.objects.count() == 1
