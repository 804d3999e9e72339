"""What a tier does to what is emitted: thoughts are trimmed, auxiliary events left out, the critical never."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from django.db import transaction
from uuid_utils.compat import uuid7

from emitter import log, metrics
from emitter.context import RunContext
from emitter.errors import EventRefused
from emitter.events import AgentCompleted, AgentError, AgentStarted, AgentThinking, Custom, ToolCompleted, ToolExecuting
from emitter.policy import tiers
from emitter.policy.identity import create_token
from emitter.policy.rates import LocalRates
from emitter.service import Item, emitter

from .contention import until
from .test_emitter import minted

pytestmark = pytest.mark.django_db(transaction=True)
PROGRESS = Custom("progress_update", {"percent": 10})
THOUGHT = AgentThinking("The ledger says more than it should", 1)
ESSENTIAL = [AgentStarted("Why?"), THOUGHT, ToolExecuting("search"), ToolCompleted("search"), AgentCompleted("So")]


@pytest.fixture
def context(key) -> RunContext:
    return RunContext(key, run_id="run-19")


@pytest.fixture
def give(configure, monkeypatch):
    """Gives everybody one tier: ``give(thinking="left_out")``."""
    monkeypatch.setattr("emitter.policy.rates.local", LocalRates(clock=lambda: 100.0))

    def give(**tier: object) -> None:
        configure(TIERS={"basic": tier, "pro": {}}, TIER_OF=lambda key: "basic")

    return give


def stored(key: str) -> list[dict]:
    return [msgspec.json.decode(one.body) for one in log.read_after(key, 0)]


def payloads(key: str) -> list[dict]:
    return [event["payload"] for event in stored(key)]


def dropped(code: str) -> float:
    return metrics.value("emitter_dropped_total", code=code, tier="basic")


@pytest.mark.parametrize(
    ("tier", "thought"),
    [
        ({}, THOUGHT.thought),
        ({"thinking": "shortened", "thinking_chars": 10}, "The ledger… [25 more characters]"),
        ({"thinking": "left_out"}, "…"),
    ],
)
def test_a_thought_is_kept_as_the_tier_says(context, key, give, tier, thought) -> None:
    give(**tier)
    emitter.emit(context, THOUGHT)
    assert payloads(key) == [{"thought": thought, "step_number": 1}]


def test_what_is_trimmed_is_counted(context, give) -> None:
    give(thinking="left_out")
    labels = {"thinking": "left_out", "tier": "basic"}
    before = metrics.value("emitter_trimmed_total", **labels)
    emitter.emit_many([(context, THOUGHT), (context, AgentCompleted("So"))])
    assert metrics.value("emitter_trimmed_total", **labels) == before + 1


def test_nothing_is_trimmed_or_left_out_without_configuration(context, key, configure) -> None:
    assert [emitter.emit(context, event).seq for event in (AgentThinking("x" * 5_000), *[PROGRESS] * 150)][-1] == 151
    assert payloads(key)[0]["thought"] == "x" * 5_000
    assert metrics.value("emitter_events_total", type="progress_update", source="emitter", tier="free") >= 150


def test_the_same_thought_again_is_the_same_event_whatever_the_tier_kept(context, key, give) -> None:
    event_id = uuid7()
    give(thinking="left_out")
    emitter.emit(context, THOUGHT, event_id=event_id)
    give()
    assert emitter.emit(context, THOUGHT, event_id=event_id).duplicate
    with pytest.raises(EventRefused) as caught:
        emitter.emit(context, AgentThinking("…", 1), event_id=event_id)
    assert caught.value.code == "event_id_conflict"


async def test_a_type_that_the_tier_does_not_take_gets_no_number(context, key, give) -> None:
    give(auxiliary_types=["system_status"])
    before = dropped("tier_unsubscribed")
    receipts = [await emitter.aemit(context, event) for event in (THOUGHT, PROGRESS, THOUGHT)]
    assert [(receipt.seq, receipt.dropped) for receipt in receipts] == [
        (1, None),
        (None, "tier_unsubscribed"),
        (2, None),
    ]
    assert isinstance(receipts[1].event_id, UUID)
    assert dropped("tier_unsubscribed") == before + 1


def test_auxiliary_events_over_the_rate_are_left_out_and_counted(context, key, give) -> None:
    give(auxiliary_rate=1, auxiliary_burst=3)
    before = dropped("tier_rate")
    receipts = [emitter.emit(context, PROGRESS) for _ in range(5)]
    assert [receipt.dropped for receipt in receipts] == [None, None, None, "tier_rate", "tier_rate"]
    assert [event["seq"] for event in stored(key)] == [1, 2, 3]
    assert dropped("tier_rate") == before + 2


def test_the_critical_and_the_final_are_never_left_out(context, key, give) -> None:
    give(auxiliary_types=[], auxiliary_rate=0.001, auxiliary_burst=1)
    receipts = emitter.emit_many([(context, event) for event in [*ESSENTIAL, AgentError("late")] * 40])
    assert [receipt.seq for receipt in receipts] == list(range(1, 241))


def test_many_with_some_left_out_are_one_unit_with_receipts_in_order(context, key, give) -> None:
    give(auxiliary_types=[])
    receipts = emitter.emit_many(
        [(context, event) for event in (PROGRESS, THOUGHT, PROGRESS, AgentStarted(), PROGRESS)]
    )
    assert [receipt.seq for receipt in receipts] == [None, 1, None, 2, None]
    assert [receipt.dropped is None for receipt in receipts] == [False, True, False, True, False]
    with pytest.raises(EventRefused) as caught:
        emitter.emit_many([(context, PROGRESS), (RunContext("nobody", run_id="x"), THOUGHT)])
    assert (caught.value.code, caught.value.index) == ("unknown_user", 1)
    assert len(stored(key)) == 2


def test_many_that_are_all_left_out_cost_no_commit(context, give) -> None:
    give(auxiliary_types=[])
    commits = metrics.value("emitter_commits_total")
    assert {receipt.dropped for receipt in emitter.emit_many([(context, PROGRESS)] * 3)} == {"tier_unsubscribed"}
    assert metrics.value("emitter_commits_total") == commits


async def test_each_has_its_own_outcome(context, give) -> None:
    give(auxiliary_types=[])
    outcomes = await emitter.aemit_each([Item(context, e) for e in (PROGRESS, AgentThinking(7), THOUGHT, PROGRESS)])
    assert [getattr(outcome, "dropped", "refused") for outcome in outcomes] == [
        *("tier_unsubscribed", "refused", None, "tier_unsubscribed")
    ]
    assert outcomes[2].seq == 1


def test_a_refusal_among_others_is_counted_once(context) -> None:
    before = metrics.value("emitter_refused_total", code="bad_field")
    emitter.emit_each([Item(context, AgentThinking(7)), Item(context, THOUGHT)])
    assert metrics.value("emitter_refused_total", code="bad_field") == before + 1


def test_what_was_stored_under_its_id_is_a_duplicate_and_not_left_out(context, give) -> None:
    event_id = uuid7()
    give()
    assert emitter.emit(context, PROGRESS, event_id=event_id).seq == 1
    give(auxiliary_types=[])
    again = emitter.emit(context, PROGRESS, event_id=event_id)
    assert (again.seq, again.duplicate, again.dropped) == (1, True, None)
    before = dropped("tier_unsubscribed")
    assert emitter.emit(context, PROGRESS, event_id=uuid7()).dropped == "tier_unsubscribed"
    assert dropped("tier_unsubscribed") == before + 1


def test_in_the_callers_transaction_too(context, key, give) -> None:
    give(thinking="left_out", auxiliary_types=[])
    with transaction.atomic():
        receipts = [emitter.emit(context, event) for event in (PROGRESS, THOUGHT)]
    assert [receipt.seq for receipt in receipts] == [None, 1]
    assert payloads(key)[0]["thought"] == "…"


def test_a_run_goes_on_when_something_of_it_is_left_out(context, key, give) -> None:
    give(auxiliary_types=[])
    with emitter.run(context) as run:
        assert run.emit(PROGRESS).dropped == "tier_unsubscribed"
        run.thinking("Hm")
    assert [event["type"] for event in stored(key)] == ["agent_started", "agent_thinking", "agent_completed"]


async def test_an_emit_whose_tier_cannot_be_told_is_stored_whole(context, key, configure) -> None:
    def ask(key: str) -> str:
        raise RuntimeError("the plans are away")

    configure(TIER_OF=ask)
    assert [(await emitter.aemit(context, event)).seq for event in (THOUGHT, PROGRESS)] == [1, 2]
    assert metrics.value("emitter_events_total", type="progress_update", source="emitter", tier="unknown") >= 1


def test_nobody_is_asked_while_the_database_is_away(context, key, configure, monkeypatch, tmp_path) -> None:
    asked: list[str] = []
    configure(TIER_OF=asked.append, SPOOL_FOLDER=str(tmp_path))
    monkeypatch.setattr(emitter.spool, "away", True)
    assert emitter.emit(context, THOUGHT).spooled
    assert asked == []
    until(lambda: not emitter.spool.in_use)
    assert payloads(key)[0]["thought"] == THOUGHT.thought


async def test_the_tier_is_asked_about_off_the_loop(context, alice, configure) -> None:
    configure(TIER_OF="first_name")
    await emitter.aemit(context, THOUGHT)
    assert tiers.remembered(context.user_id).name == "unknown"
    assert metrics.value("emitter_events_total", type="agent_thinking", source="emitter", tier="unknown") >= 1


def test_an_id_older_than_the_shortest_retention_is_refused(context, give) -> None:
    give(retention_days=3)
    with pytest.raises(EventRefused, match="ids may be 3 days old"):
        emitter.emit(context, THOUGHT, event_id=minted(timedelta(days=4)))


# Nobody gives himself a tier ------------------------------------------------------------------------------------------


@pytest.fixture
def free(configure, key) -> None:
    """Everybody is free, and thoughts of the free are left out."""
    configure(TIERS={"free": {"thinking": "left_out", "sessions": 1}, "enterprise": {}}, TIER_OF=lambda key: "free")


def test_no_field_of_an_item_sets_a_tier(client, free, key) -> None:
    item = {"user": key, "run": "r", "type": "agent_thinking", "payload": {"thought": "Hm"}, "tier": "enterprise"}
    token = create_token(key, seconds=60, emit=True)
    answer = client.post("/api/events/", item, "application/json", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_field")
    assert stored(key) == []


@pytest.mark.parametrize("where", ["payload", "metadata"])
def test_no_key_of_a_payload_sets_a_tier(free, context, key, where) -> None:
    told = {"tier": "enterprise", "user_tier": "enterprise"}
    payload = {"thought": "Hm", **(told if where == "payload" else {"metadata": told})}
    emitter.emit(context, Custom("agent_thinking", payload))
    assert payloads(key) == [{**payload, "thought": "…"}]


def test_no_question_to_an_agent_sets_a_tier(client, free, alice) -> None:
    client.force_login(alice)
    answer = client.post("/api/runs/", {"message": "Why?", "tier": "enterprise"}, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


def test_what_was_spent_is_never_left_out(context, give) -> None:
    give(auxiliary_types=frozenset())
    usage = {"model": "m", "input_tokens": 3, "output_tokens": 1}
    assert emitter.emit(context, Custom("progress_update", {"usage": usage})).dropped is None
    assert emitter.emit(context, Custom("usage_reported", {})).dropped is None
    assert emitter.emit(context, Custom("progress_update", {})).dropped == "tier_unsubscribed"
