"""The one door in: what it stores, what it refuses, and what a transaction does to it."""

import asyncio
import threading
from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connection, connections, transaction
from uuid_utils.compat import uuid7

from emitter import bell, log, metrics
from emitter.context import RunContext
from emitter.cursor import Growth
from emitter.errors import EmitterError, EventRefused, TransactionError
from emitter.events import AgentCompleted, AgentStarted, AgentThinking, Custom, ToolCompleted
from emitter.log.verify import faults_of
from emitter.models import Event, Run, Stream
from emitter.service import Item, emitter

pytestmark = pytest.mark.django_db(transaction=True)
THOUGHT = AgentThinking("Reading the ledger", 1)


@pytest.fixture
def context(key) -> RunContext:
    return RunContext(key, thread_id="thread-7", run_id="run-19", agent_name="analyst")


def minted(ago: timedelta) -> UUID:
    """A UUIDv7 that says it was made some time ago."""
    now = uuid7()
    return UUID(int=now.int - (int(ago.total_seconds() * 1000) << 80))


# Storing --------------------------------------------------------------------------------------------------------------


def test_the_receipt_matches_the_row(context, key) -> None:
    receipt = emitter.emit(context, THOUGHT)
    row = Event.objects.get(stream=key)
    assert (receipt.seq, receipt.event_id) == (1, row.event_id) == (row.seq, row.event_id)
    assert (receipt.duplicate, receipt.spooled, receipt.dropped, receipt.after_end) == (False, False, None, False)


def test_the_text_is_what_the_protocol_says(context, key) -> None:
    emitter.emit(context, AgentStarted())
    receipt = emitter.emit(context, THOUGHT)
    body = msgspec.json.decode(log.read_after(key, 1)[0].body)
    stamp = body.pop("timestamp")
    assert body == {
        "type": "agent_thinking",
        "seq": 2,
        "id": str(receipt.event_id),
        "run_id": "run-19",
        "thread_id": "thread-7",
        "agent_name": "analyst",
        "payload": {"thought": "Reading the ledger", "step_number": 1},
    }
    assert len(stamp) == 24
    assert stamp.endswith("Z")


def test_numbers_are_per_user(context, bob) -> None:
    other = RunContext(str(bob.pk), run_id="of-bob")
    assert [emitter.emit(c, THOUGHT).seq for c in (context, other, context, other, other)] == [1, 1, 2, 2, 3]


def test_the_thread_is_the_runs_known_one_else_the_run(key) -> None:
    emitter.emit(RunContext(key, "thread-7", "known"), THOUGHT)
    emitter.emit(RunContext(key, run_id="known"), THOUGHT)
    emitter.emit(RunContext(key, run_id="alone"), THOUGHT)
    threads = [msgspec.json.decode(stored.body)["thread_id"] for stored in log.read_after(key, 0)]
    assert threads == ["thread-7", "thread-7", "alone"]


def test_a_payload_keeps_unknown_keys_odd_text_and_its_order(context, key) -> None:
    payload = {"z": "nul \x00 bell \x07 ü 🙂 \u2028 \u202e", "a": [1, 2.5, None, {"deep": [True]}]}
    emitter.emit(context, Custom("parcel_found", payload))
    body = log.read_after(key, 0)[0].body
    assert msgspec.json.decode(body)["payload"] == payload
    assert body.index('"z"') < body.index('"a"')


def test_many_are_stored_wholly_in_order_or_not_at_all(context, key, bob) -> None:
    other = RunContext(str(bob.pk), run_id="of-bob")
    receipts = emitter.emit_many([(context, THOUGHT), (other, THOUGHT), (context, AgentStarted())])
    assert [receipt.seq for receipt in receipts] == [1, 1, 2]
    with pytest.raises(EventRefused) as caught:
        emitter.emit_many([(context, THOUGHT), (context, AgentThinking(7))])
    assert (caught.value.code, caught.value.index) == ("bad_field", 1)
    with pytest.raises(EventRefused) as caught:
        emitter.emit_many([(context, THOUGHT), (RunContext("nobody", run_id="x"), THOUGHT)])
    assert (caught.value.code, caught.value.index) == ("unknown_user", 1)
    assert Stream.objects.get(key=key).head == 2
    assert emitter.emit_many([]) == []


@pytest.mark.parametrize("wrong", [None, (), "ab", 7, (None, None, None, None)])
def test_what_is_no_item_is_refused_by_name_and_place(context, wrong) -> None:
    with pytest.raises(EventRefused) as caught:
        emitter.emit_many([(context, THOUGHT), wrong])
    assert (caught.value.code, caught.value.index) == ("bad_field", 1)
    assert not Event.objects.exists()


def test_many_that_contradict_each_other_are_refused_at_the_second(context, key) -> None:
    event_id = uuid7()
    for code, items in {
        "run_thread": [(RunContext(key, thread, "new"), THOUGHT) for thread in ("one", "another")],
        "event_id_conflict": [Item(context, event, event_id) for event in (THOUGHT, AgentStarted())],
    }.items():
        with pytest.raises(EventRefused) as caught:
            emitter.emit_many(items)
        assert (caught.value.code, caught.value.index) == (code, 1)
    assert not Event.objects.exists()


async def test_the_async_twins_do_the_same(context) -> None:
    assert [receipt.seq for receipt in await emitter.aemit_many([(context, THOUGHT)] * 3)] == [1, 2, 3]
    assert await emitter.aemit_many([]) == await emitter.aemit_each([]) == []
    with pytest.raises(EventRefused) as caught:
        await emitter.aemit_many([(context, THOUGHT), (context, AgentThinking(7))])
    assert (caught.value.code, caught.value.index) == ("bad_field", 1)
    refused, receipt = await emitter.aemit_each([Item(context, AgentThinking(7)), Item(context, THOUGHT)])
    assert (refused.code, receipt.seq) == ("bad_field", 4)


def test_each_stands_for_itself(context) -> None:
    bad = [
        Item(context, AgentThinking(7)),
        EventRefused("broken_json", "x"),
        Item(RunContext("no", run_id="x"), THOUGHT),
    ]
    outcomes = emitter.emit_each([Item(context, THOUGHT), *bad, Item(context, THOUGHT)])
    codes = [o.code if isinstance(o, EmitterError) else o.seq for o in outcomes]
    assert codes == [1, "bad_field", "broken_json", "unknown_user", 2]


def test_a_run_ends_once_and_what_follows_is_flagged(context) -> None:
    for event in (AgentStarted(), AgentCompleted("ok"), ToolCompleted("late"), AgentCompleted("again")):
        receipt = emitter.emit(context, event)
    run = Run.objects.get(id="run-19")
    assert (run.state, run.first_seq, run.last_seq) == ("completed", 1, 2)
    assert receipt.after_end
    assert list(Event.objects.order_by("seq").values_list("after_end", flat=True)) == [False, False, True, True]


# The same id again ----------------------------------------------------------------------------------------------------


def test_the_same_id_is_stored_once(context, key) -> None:
    event_id = uuid7()
    first = emitter.emit(context, THOUGHT, event_id=event_id)
    emitter.emit(context, AgentStarted())
    again = emitter.emit(context, THOUGHT, event_id=str(event_id))
    assert (first.seq, again.seq, first.duplicate, again.duplicate) == (1, 1, False, True)
    assert Stream.objects.get(key=key).head == 2


def test_the_same_id_twice_in_one_batch(context, key) -> None:
    event_id = uuid7()
    receipts = emitter.emit_many([Item(context, THOUGHT, event_id), Item(context, THOUGHT, event_id)])
    assert [(receipt.seq, receipt.duplicate) for receipt in receipts] == [(1, False), (1, True)]
    assert faults_of(key).faults == []


def test_the_order_of_keys_is_no_other_content(context) -> None:
    event_id = uuid7()
    emitter.emit(context, Custom("x_y", {"a": 1, "b": 2}), event_id=event_id)
    assert emitter.emit(context, Custom("x_y", {"b": 2, "a": 1}), event_id=event_id).duplicate


def test_numbers_as_keys_are_the_texts_they_are_written_as(context, key) -> None:
    event_id = uuid7()
    emitter.emit(context, Custom("x_y", {"b": {2: "two", 1: "one"}}), event_id=event_id)
    assert msgspec.json.decode(log.read_after(key, 0)[0].body)["payload"] == {"b": {"2": "two", "1": "one"}}
    assert emitter.emit(context, Custom("x_y", {"b": {"1": "one", "2": "two"}}), event_id=event_id).duplicate


def test_ids_are_unique_per_stream_only(context, bob) -> None:
    event_id = uuid7()
    emitter.emit(context, THOUGHT, event_id=event_id)
    assert not emitter.emit(RunContext(str(bob.pk), run_id="b"), THOUGHT, event_id=event_id).duplicate


# Refusing -------------------------------------------------------------------------------------------------------------

NESTED: dict = {}
for _ in range(40):
    NESTED = {"x": NESTED}


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (Custom("agent_thinking", ["no", "object"]), "payload_not_object"),
        (Custom("x_y", {"text": "x" * 70_000}), "payload_too_large"),
        (Custom("x_y", NESTED), "payload_too_deep"),
        (Custom("x_y", {"n": float("nan")}), "payload_not_finite"),
        (Custom("x_y", {"n": [[float("-inf")]]}), "payload_not_finite"),
        (Custom("x_y", {"half": "\ud83d"}), "payload_bad_text"),
        (Custom("x_y", {"half \ud83d": 1}), "payload_bad_text"),
        (Custom("x_y", {"o": object()}), "payload_not_json"),
        (Custom("x_y", {None: 1}), "payload_not_json"),
        (Custom("hello", {}), "unknown_type"),
        (Custom("no spaces", {}), "unknown_type"),
        (AgentThinking(thought=7), "bad_field"),
        (AgentThinking(step_number=True), "bad_field"),
        (AgentCompleted(status="fine"), "bad_field"),
        ({"thought": "Hm"}, "bad_field"),
    ],
)
def test_a_bad_event_is_refused_by_name_and_nothing_is_stored(context, key, event, code) -> None:
    refused = metrics.value("emitter_refused_total", code=code)
    with pytest.raises(EventRefused) as caught:
        emitter.emit(context, event)
    assert caught.value.code == code
    assert metrics.value("emitter_refused_total", code=code) == refused + 1
    assert not Event.objects.exists()


@pytest.mark.parametrize("bad", ["", " ", " padded ", "nul\x00", "line\nbreak", "half\ud800", "x" * 201, 7, None])
def test_a_bad_id_is_refused_where_the_context_is_made(bad) -> None:
    with pytest.raises(EventRefused) as caught:
        RunContext("1", run_id=bad)
    assert caught.value.code == "bad_id"


@pytest.mark.parametrize("bad", ["", "x", str(uuid4()), 7])
def test_an_event_id_is_a_uuid7(context, bad) -> None:
    with pytest.raises(EventRefused) as caught:
        emitter.emit(context, THOUGHT, event_id=bad)
    assert caught.value.code == "bad_event_id"


@pytest.mark.parametrize("ago", [timedelta(days=31), timedelta(minutes=-6)])
def test_an_id_outside_its_window_is_refused(context, ago) -> None:
    with pytest.raises(EventRefused) as caught:
        emitter.emit(context, THOUGHT, event_id=minted(ago))
    assert caught.value.code == "event_id_window"
    assert emitter.emit(context, THOUGHT, event_id=minted(ago * 0.8)).seq == 1


def test_an_id_with_other_content_is_refused(context) -> None:
    event_id = uuid7()
    emitter.emit(context, THOUGHT, event_id=event_id)
    with pytest.raises(EventRefused) as caught:
        emitter.emit(context, AgentThinking("Something else"), event_id=event_id)
    assert caught.value.code == "event_id_conflict"


def test_a_run_belongs_to_its_user_and_thread(context, key, bob) -> None:
    emitter.emit(context, THOUGHT)
    for stranger, code in [
        (RunContext(str(bob.pk), "thread-7", "run-19"), "run_owned"),
        (RunContext(key, "another", "run-19"), "run_thread"),
    ]:
        with pytest.raises(EventRefused) as caught:
            emitter.emit(stranger, THOUGHT)
        assert caught.value.code == code
    assert Event.objects.count() == 1


@pytest.mark.parametrize("unknown", ["nobody", "999999", "01", "１"])
def test_an_unknown_user_key_is_refused(unknown) -> None:
    with pytest.raises(EventRefused) as caught:
        emitter.emit(RunContext(unknown, run_id="r"), THOUGHT)
    assert caught.value.code == "unknown_user"
    assert not Stream.objects.exists()


def test_a_batch_has_its_limit(context) -> None:
    with pytest.raises(EventRefused) as caught:
        emitter.emit_many([(context, THOUGHT)] * 1_001)
    assert caught.value.code == "batch_too_large"


async def test_emit_on_an_event_loops_thread_says_what_to_do(context) -> None:
    with pytest.raises(SynchronousOnlyOperation, match="begins with 'a'"):
        emitter.emit(context, THOUGHT)


# In the caller's transaction ------------------------------------------------------------------------------------------


def test_rolled_back_means_never_happened(context, key) -> None:
    with transaction.atomic():
        assert emitter.emit(context, THOUGHT).seq == 1
        transaction.set_rollback(True)
    assert not Event.objects.exists()
    assert emitter.emit(context, THOUGHT).seq == 1


def test_a_savepoint_gives_its_numbers_back(context, key) -> None:
    with transaction.atomic():
        emitter.emit(context, THOUGHT)
        savepoint = transaction.savepoint()
        assert emitter.emit(context, THOUGHT).seq == 2
        transaction.savepoint_rollback(savepoint)
        assert emitter.emit(context, AgentStarted()).seq == 2
    assert faults_of(key).faults == []
    assert [stored.type for stored in log.read_after(key, 0)] == ["agent_thinking", "agent_started"]


def test_a_refusal_does_not_break_the_callers_transaction(context, key) -> None:
    with transaction.atomic():
        emitter.emit(context, THOUGHT)
        with pytest.raises(EventRefused):
            emitter.emit(RunContext("nobody", run_id="x"), THOUGHT)
        emitter.emit(context, THOUGHT)
    assert Stream.objects.get(key=key).head == 2


async def test_the_bell_rings_on_commit_only(context, key, bob) -> None:
    seen, other = threading.Event(), str(bob.pk)
    layer = get_channel_layer()
    channel = await layer.new_channel()
    for user in (key, other):
        await layer.group_add(bell.user_group(user), channel)

    async def heard() -> dict:
        while (message := await asyncio.wait_for(layer.receive(channel), 60))["type"] != "agent.events":
            pass
        return message

    # Redis takes what comes by two connections in any order: the groups are joined when something has come by the last.
    probe = asyncio.create_task(layer.receive(channel))
    while not probe.done():
        await layer.group_send(bell.user_group(other), {"type": "team.probe"})
        await asyncio.sleep(0.01)

    def work() -> None:
        with transaction.atomic():
            emitter.emit(context, AgentThinking("rolled back"))
            transaction.set_rollback(True)
        with transaction.atomic():
            emitter.emit(context, AgentThinking("kept"))
            bell.ring([Growth(other, "epoch", 1, 1)])
            assert seen.wait(60)
        connections.close_all()

    working = asyncio.create_task(sync_to_async(work)())
    assert (await heard())["stream"] == other  # The transaction is open, and nothing has rung for it.
    seen.set()
    await working
    message = await heard()
    assert (message["type"], message["head"]) == ("agent.events", 1)
    assert [msgspec.json.decode(text)["payload"]["thought"] for text in message["events"]] == ["kept"]


def test_autocommit_off_is_refused_by_name(context) -> None:
    connection.ensure_connection()
    transaction.set_autocommit(False)
    try:
        with pytest.raises(TransactionError) as caught:
            emitter.emit(context, THOUGHT)
        assert caught.value.code == "autocommit_off"
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)


def test_other_connections_see_nothing_before_the_commit(context, key) -> None:
    seen: list[int] = []

    def look() -> None:
        seen.append(Event.objects.filter(stream=key).count())
        connection.close()

    with transaction.atomic():
        emitter.emit(context, THOUGHT)
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == [0]
