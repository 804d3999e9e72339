"""The demo agent: real tools on real input."""

import asyncio
import re

import pytest
from django.contrib.auth.models import User

from emitter.context import RunContext
from emitter.events import AgentStarted, Custom, Event
from emitter.service import AsyncRun, Receipt, emitter
from emitter.testing import Emitted, aassert_run_complete
from netra_events.agent import ABILITIES, DemoAgent

pytestmark = pytest.mark.django_db(transaction=True)

BOTH = "What is 12.5 % of 480, and how did my last run end?"


async def ask(user: User, question: str, run_id: str = "run-now") -> list[Emitted]:
    """The events of a run in which the agent works on a question."""
    async with emitter.arun(RunContext(str(user.pk), run_id=run_id), message=question) as run:
        run.result = {"answer": await DemoAgent(pace=0).answer(question, run)}
    return list(await aassert_run_complete(run_id))


def answer_in(events: list[Emitted]) -> str:
    answer: str = events[-1].payload["result"]["answer"]
    return answer


async def test_an_answer_has_the_five_events_in_order(alice: User) -> None:
    events = await ask(alice, "What is 3 plus 4?")
    assert [event.type for event in events] == [
        "agent_started",
        "agent_thinking",
        "tool_executing",
        "tool_completed",
        "agent_completed",
    ]
    assert events[1].payload["thought"] == "I plan by rule, not with a language model: calculate 3 plus 4."
    assert events[3].payload["result"] == "7"
    assert answer_in(events) == "3 plus 4 = 7."


async def test_one_question_may_need_two_tools(alice: User) -> None:
    await ask(alice, "What is 1 / 0?", "run-before")
    events = await ask(alice, BOTH)
    assert [event.payload["tool_name"] for event in events[2:-1]] == ["calculator"] * 2 + ["records"] * 2
    assert events[5].payload["result"]["run_id"] == "run-before"
    assert answer_in(events).startswith("12.5 % of 480 = 60. Your last run, asked “What is 1 / 0?”, completed on ")
    assert answer_in(events).endswith(" UTC. Its answer was: “Nothing can be divided by zero.”")


async def test_a_tools_error_is_told(alice: User) -> None:
    events = await ask(alice, "What is 1 / 0?")
    assert events[3].payload["error"] == "division_by_zero: Nothing can be divided by zero."
    assert answer_in(events) == "Nothing can be divided by zero."


async def test_an_unknown_question_gets_an_honest_answer(alice: User) -> None:
    events = await ask(alice, "Write me a poem")
    assert [event.type for event in events] == ["agent_started", "agent_thinking", "agent_completed"]
    assert "by rule, not with a language model" in events[1].payload["thought"]
    assert answer_in(events) == ABILITIES


async def test_a_part_that_no_rule_fits_is_named(alice: User) -> None:
    events = await ask(alice, "What is 2 + 2, and who wrote Faust?")
    assert answer_in(events) == "2 + 2 = 4. I left out “who wrote Faust”: no rule of mine fits it."


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("Which tools did my last run use?", "Your last run used calculator."),
        ("What was my last question?", "You last asked: “What is 2 * 3?”"),
        ("How many runs failed?", "Of your 1 earlier run, none failed."),
        ("How many runs do I have?", "Before this run you had 1 run: 1 completed."),
        ("How many events do I have?", "Before this run you had 5 events."),
    ],
)
async def test_tells_of_ones_own_records(alice: User, question: str, told: str) -> None:
    await ask(alice, "What is 2 * 3?", "run-before")
    assert answer_in(await ask(alice, question)) == told


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("How did my last run end?", "You have no earlier run: this is your first."),
        ("Which tools did my last run use?", "You have no earlier run: this is your first."),
        ("What was my last question?", "You have not asked anything before: this is your first question."),
        ("How many runs failed?", "Of your 0 earlier runs, none failed."),
        ("How many runs do I have?", "Before this run you had 0 runs."),
        ("How many events do I have?", "Before this run you had 0 events."),
    ],
)
async def test_the_records_of_others_are_nobodys_business(alice: User, bob: User, question: str, told: str) -> None:
    await ask(bob, "What is 2 * 3?", "run-of-bob")
    events = await ask(alice, question)
    assert answer_in(events) == told
    assert "error" not in events[3].payload


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        (Custom("agent_error", {"error_message": "The ledger is closed"}), " failed on .* UTC: The ledger is closed."),
        (Custom("agent_death", {"death_cause": "worker_lost"}), " lost its worker on .* UTC: worker_lost."),
        (Custom("agent_completed", {"status": "cancelled"}), " was stopped on .* UTC."),
        (Custom("agent_completed", {"result": [1, 2]}), " completed on .* UTC."),
        (Custom("tool_executing", {"tool_name": None}), " is still running."),
    ],
)
async def test_any_end_of_any_run_is_told(alice: User, ending: Event, told: str) -> None:
    context = RunContext(str(alice.pk), run_id="run-before")
    await emitter.aemit_many([(context, AgentStarted()), (context, ending)])
    answer = answer_in(await ask(alice, "How did my last run end, and which tools did it use?"))
    assert re.match(f"Your last run{told} Your last run used ", answer)


async def test_a_run_that_began_later_is_not_the_last_one(alice: User) -> None:
    async with emitter.arun(RunContext(str(alice.pk), run_id="run-now")) as run:
        await ask(alice, "What is 2 * 3?", "run-beside")
        answer = await DemoAgent().answer("How many runs do I have?", run)
    assert answer == "Before this run you had 0 runs."


async def test_counting_tells_each_number(alice: User) -> None:
    events = await ask(alice, "Count slowly to 3")
    thoughts = [event.payload["thought"] for event in events if event.type == "agent_thinking"]
    assert thoughts[1:] == ["1 of 3", "2 of 3", "3 of 3"]
    assert answer_in(events) == "I counted to 3."


async def test_counting_has_an_end(alice: User) -> None:
    events = await ask(alice, "Count to 1,000")
    assert events[3].payload["error"] == "out_of_range: I count from 1 to 60 at most."


async def test_a_stopped_count_ends_cancelled(alice: User) -> None:
    counting = asyncio.Event()

    async def told(context: RunContext, event: Event) -> Receipt:
        receipt = await emitter.aemit(context, event)
        if event.payload().get("thought") == "1 of 20":
            counting.set()
        return receipt

    async def work() -> None:
        async with AsyncRun(told, RunContext(str(alice.pk), run_id="run-now"), "Count to 20") as run:
            await DemoAgent(pace=60).answer("Count to 20", run)

    working = asyncio.create_task(work())
    await asyncio.wait_for(counting.wait(), 60)
    working.cancel()
    await asyncio.wait([working])
    assert (await aassert_run_complete("run-now"))[-1].payload["status"] == "cancelled"
