"""The order in which a run's events make sense: one step, whole lives, and what is stored or refused for it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from emitter import log, metrics
from emitter.context import RunContext
from emitter.errors import EventRefused
from emitter.events import AgentCompleted, AgentError, AgentStarted, AgentThinking, Custom, ToolCompleted, ToolExecuting
from emitter.log.entry import Unit
from emitter.log.life import MORE_RUNS, RUNS, Call, Life, OpenCalls
from emitter.log.plan import plan
from emitter.log.rows import StreamRow
from emitter.models import Run, Stream
from emitter.policy.lifecycle import _RULES, OPEN_CALLS, step
from emitter.service import Item, RunEnded, emitter
from emitter.service.prepare import prepare

from .conftest import Configure

STARTED = Life(started=True)
TYPES = ["agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed", "progress_update"]


def take(life: Life, event_type: str, **payload: Any) -> tuple[Life, tuple[str, ...]]:
    return step(life, event_type, msgspec.json.encode(payload))


@pytest.mark.parametrize("event_type", ["agent_thinking", "tool_executing"])
def test_nothing_is_done_before_the_start(event_type) -> None:
    assert take(Life(), event_type)[1] == ("not_started",)
    assert take(take(Life(), "agent_started")[0], event_type)[1] == ()


@pytest.mark.parametrize("event_type", ["agent_started", "agent_error", "agent_death", "progress_update", "mine"])
def test_a_run_may_begin_with_what_is_no_work(event_type) -> None:
    assert take(Life(), event_type)[1] == ()


@pytest.mark.parametrize("event_type", TYPES)
def test_nothing_comes_after_the_end(event_type) -> None:
    ended, _ = take(STARTED, "agent_error")
    assert take(ended, event_type) == (ended, ("run_ended",))


CALLS = [
    ({"call_id": "1", "tool_name": "a"}, {"call_id": "1"}, True),
    ({"call_id": "1", "tool_name": "a"}, {"call_id": "2", "tool_name": "a"}, False),
    ({"call_id": "1", "tool_name": "a"}, {"tool_name": "a"}, True),
    ({"tool_name": "a"}, {"call_id": "1", "tool_name": "a"}, True),
    ({"tool_name": "a"}, {"tool_name": "b"}, False),
    ({"tool_name": "a"}, {}, True),
    ({}, {"tool_name": "a"}, False),
    ({"call_id": "x" * 999}, {"call_id": "x" * 999}, True),
    ({"call_id": "x" * 999}, {"call_id": "x" * 998}, False),
]


@pytest.mark.parametrize(("executing", "completed", "fits"), CALLS)
def test_a_completion_belongs_to_its_call(executing, completed, fits) -> None:
    open_life, _ = take(STARTED, "tool_executing", **executing)
    after, faults = take(open_life, "tool_completed", **completed)
    assert faults == (() if fits else ("tool_unmatched",))
    assert after == (STARTED if fits else open_life)


def test_a_call_is_completed_once() -> None:
    life, _ = take(STARTED, "tool_executing", call_id="1")
    life, _ = take(life, "tool_completed", call_id="1")
    assert take(life, "tool_completed", call_id="1")[1] == ("tool_unmatched",)


def test_of_too_many_open_calls_none_is_judged() -> None:
    life = STARTED
    for number in range(OPEN_CALLS + 1):
        life, _ = take(life, "tool_executing", call_id=str(number))
    assert life.calls is None
    assert take(life, "tool_completed", call_id="none of them")[1] == ()


# In batches -----------------------------------------------------------------------------------------------------------

names = st.sampled_from([{}, {"tool_name": "a"}, {"tool_name": "b"}, {"call_id": "1"}, {"call_id": "2"}])
steps = st.tuples(st.sampled_from(["u", "v"]), st.sampled_from(["p", "q"]), st.sampled_from(TYPES), names)
batches = st.lists(st.lists(st.lists(steps, min_size=1, max_size=3), max_size=3), max_size=6)


class Log:
    """What a database would keep between batches, and each run's life as told event by event."""

    def __init__(self, mode: str) -> None:
        self.rules = _RULES[mode]
        self.streams = {user: StreamRow("epoch", 0) for user in "uv"}
        self.runs: dict[str, Any] = {}
        self.lives: dict[str, Life] = {}
        self.number = 0

    def entry(self, user: str, run: str, event_type: str, payload: dict[str, str]) -> Any:
        self.number += 1
        entry = prepare(Item(RunContext(user, run_id=f"{user}-{run}-x"), Custom(event_type, payload)))
        return msgspec.structs.replace(entry, event_id=UUID(int=self.number), flags=())

    def append(self, units: list[Unit]) -> list[Any]:
        made = plan(units, self.streams, self.runs, {}, rules=self.rules)
        for user, row in self.streams.items():
            self.streams[user] = StreamRow("epoch", made.heads[user], made.open_calls.get(user, row.open_calls))
        self.runs |= made.new_runs | made.changed_runs
        return made.outcomes

    def live(self, entry: Any) -> tuple[str, ...]:
        self.lives[entry.run], faults = step(self.lives.get(entry.run, Life()), entry.type, entry.payload)
        return faults


@given(batches)
def test_events_are_flagged_the_same_in_whatever_batches_they_come(made) -> None:
    log = Log("flag")
    for batch in made:
        units = [Unit([log.entry(*one) for one in unit]) for unit in batch]
        for unit, receipts in zip(units, log.append(units), strict=True):
            for entry, receipt in zip(unit.entries, receipts, strict=True):
                faults = log.live(entry)
                assert receipt.after_end is ("run_ended" in faults)
                assert receipt.flags == tuple(fault for fault in faults if fault != "run_ended")


@given(batches)
def test_what_is_refused_leaves_no_trace_in_its_run(made) -> None:
    log = Log("refuse")
    for batch in made:
        units = [Unit([log.entry(*one) for one in unit]) for unit in batch]
        for unit, outcome in zip(units, log.append(units), strict=True):
            before = dict(log.lives)
            faults = [log.live(entry) for entry in unit.entries]
            wrong = next((index for index, found in enumerate(faults) if found), None)
            if wrong is None:
                assert [receipt.flags for receipt in outcome] == [()] * len(faults)
            else:
                log.lives = before
                assert (outcome.code, outcome.index) == (faults[wrong][0], wrong)


@given(batches)
def test_when_all_runs_have_ended_nothing_is_kept(made) -> None:
    log = Log("flag")
    for batch in made:
        log.append([Unit([log.entry(*one) for one in unit]) for unit in batch])
    log.append([Unit([log.entry(user, run, "agent_error", {}) for user in "uv" for run in "pq"])])
    assert {row.open_calls for row in log.streams.values()} == {""}


def test_many_runs_with_open_calls_are_bounded_and_never_wronged() -> None:
    calls = OpenCalls({"u": StreamRow("epoch", 0)})
    for number in range(MORE_RUNS + 9):
        calls.put("u", f"run-{number}", (Call(None, "x" * 60),))
    text = calls.changed_texts()["u"]
    assert len(text) < 80 * RUNS + 20 * MORE_RUNS
    again = OpenCalls({"u": StreamRow("epoch", 0, text)})
    assert again.of("u", "run-1") == (Call(None, "x" * 60),)
    assert again.of("u", f"run-{RUNS + 1}") is again.of("u", f"run-{MORE_RUNS + 1}") is None


# Stored or refused ----------------------------------------------------------------------------------------------------


@pytest.fixture
def context(key) -> RunContext:
    return RunContext(key, run_id="run-19")


def flags(key: str) -> list[Any]:
    return [msgspec.json.decode(stored.body).get("flags") for stored in log.read_after(key, 0)]


@pytest.mark.django_db(transaction=True)
def test_what_is_out_of_order_is_stored_with_its_mark_and_counted(context, key) -> None:
    before = metrics.value("emitter_flagged_total", flag="tool_unmatched")
    receipts = [emitter.emit(context, event) for event in (AgentThinking("Hm"), AgentStarted(), ToolCompleted("db"))]
    assert [receipt.flags for receipt in receipts] == [("not_started",), (), ("tool_unmatched",)]
    assert flags(key) == [["not_started"], None, ["tool_unmatched"]]
    assert metrics.value("emitter_flagged_total", flag="tool_unmatched") == before + 1


@pytest.mark.django_db(transaction=True)
def test_a_sound_run_carries_no_mark_and_leaves_nothing_open(context, key) -> None:
    with emitter.run(context) as run:
        run.thinking("Hm")
        with run.tool("search"), run.tool("search"):
            assert Stream.objects.get(key=key).open_calls.count("search") == 2
    assert set(flags(key)) == {None}
    assert Stream.objects.get(key=key).open_calls == ""


REFUSED = [
    ([], AgentThinking("Hm"), "not_started"),
    ([AgentStarted()], ToolCompleted("db"), "tool_unmatched"),
    ([AgentStarted(), AgentCompleted()], AgentThinking("Hm"), "run_ended"),
    ([AgentError("Oh")], Custom("progress_update", {}), "run_ended"),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("before", "event", "code"), REFUSED)
def test_what_is_out_of_order_is_refused_where_that_is_wanted(context, key, configure: Configure, before, event, code):
    configure(LIFECYCLE="refuse")
    for earlier in before:
        emitter.emit(context, earlier)
    with pytest.raises(EventRefused) as caught:
        emitter.emit(context, event)
    assert (caught.value.code, len(log.read_after(key, 0))) == (code, len(before))


@pytest.mark.django_db(transaction=True)
def test_a_repetition_of_what_was_in_order_is_never_refused(context, configure: Configure) -> None:
    configure(LIFECYCLE="refuse")
    twice = [Item(context, AgentStarted(), uuid7())] * 2
    receipts = [*emitter.emit_many(twice), emitter.emit(context, AgentCompleted()), *emitter.emit_many(twice)]
    assert [receipt.seq for receipt in receipts] == [1, 1, 2, 1, 1]


@pytest.mark.django_db(transaction=True)
def test_a_producer_learns_from_a_refusal_that_its_run_has_ended(context, configure: Configure) -> None:
    configure(LIFECYCLE="refuse")
    with emitter.run(context) as run:
        emitter.emit(context, AgentCompleted(status="cancelled"))
        with pytest.raises(RunEnded):
            run.thinking("Still here")


@pytest.mark.django_db(transaction=True)
def test_a_late_start_is_remembered(context) -> None:
    emitter.emit(context, Custom("progress_update", {}))
    assert not Run.objects.get().started
    emitter.emit(context, AgentStarted())
    assert Run.objects.get().started
    assert emitter.emit(context, AgentThinking("Hm")).flags == ()


@pytest.mark.django_db(transaction=True)
def test_a_call_that_was_rolled_back_was_never_open(context) -> None:
    emitter.emit(context, AgentStarted())
    with transaction.atomic():
        emitter.emit(context, ToolExecuting("db"))
        transaction.set_rollback(True)
    assert emitter.emit(context, ToolCompleted("db")).flags == ("tool_unmatched",)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_complete_one_call_one_is_right(context, pool: ThreadPoolExecutor) -> None:
    emitter.emit_many([(context, AgentStarted()), (context, ToolExecuting("db", call_id="1"))])
    receipts = list(pool.map(lambda _: emitter.emit(context, ToolCompleted("db", call_id="1")), range(20)))
    assert sorted(receipt.flags for receipt in receipts) == [(), *[("tool_unmatched",)] * 19]


@pytest.mark.django_db(transaction=True)
def test_an_unruly_order_may_be_let_pass(context, configure: Configure) -> None:
    configure(LIFECYCLE="allow")
    assert emitter.emit(context, ToolCompleted("db")).flags == ()
