"""Run handles: what a run tells of itself, whatever happens in between."""

import asyncio
import warnings

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction

from emitter.context import RunContext
from emitter.events import AgentCompleted, AgentThinking
from emitter.models import Run
from emitter.service import RunEnded, emitter
from emitter.service.runs import HeldTransactionWarning
from emitter.testing import aassert_run_complete, assert_run_complete

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def context(alice) -> RunContext:
    return RunContext(str(alice.pk), run_id="r", agent_name="analyst")


def types(events) -> list[str]:
    return [event.type for event in events]


def test_a_run_that_goes_well(context) -> None:
    with emitter.run(context, message="Why?") as run:
        run.thinking("First")
        run.thinking("Second")
        with run.tool("search", {"query": "…"}) as tool:
            tool.result = {"hits": 3}
        run.usage(model="gpt-5", input_tokens=812, output_tokens=64)
        run.usage(model="gpt-5", input_tokens=100)
        run.result = {"answer": "Because."}
    started, first, second, executing, completed, ended = assert_run_complete("r")
    assert (started.payload["message"], started.agent) == ("Why?", "analyst")
    assert [first.payload["step_number"], second.payload["step_number"]] == [1, 2]
    assert executing.payload["call_id"] == completed.payload["call_id"]
    assert completed.payload["result"] == {"hits": 3}
    assert completed.payload["execution_time_ms"] >= 0
    assert ended.payload["status"] == "completed"
    assert ended.payload["result"] == {"answer": "Because."}
    assert (ended.payload["usage"]["input_tokens"], ended.payload["usage"]["output_tokens"]) == (912, 64)


async def test_its_async_twin_tells_the_same(context) -> None:
    async with emitter.arun(context, message="Why?") as run:
        await run.thinking("First")
        async with run.tool("search", {"query": "…"}) as tool:
            tool.result = {"hits": 3}
        run.result = {"answer": "Because."}
    assert types(await aassert_run_complete("r")) == [
        "agent_started",
        "agent_thinking",
        "tool_executing",
        "tool_completed",
        "agent_completed",
    ]


def test_an_exception_is_told_and_goes_on(context) -> None:
    with pytest.raises(ZeroDivisionError), emitter.run(context) as run, run.tool("divide"):
        1 / 0  # noqa: B018
    executing, completed, ended = assert_run_complete("r")[1:]
    assert (executing.type, completed.payload["error"]) == ("tool_executing", "division by zero")
    assert (ended.type, ended.payload["error_type"]) == ("agent_error", "ZeroDivisionError")
    assert Run.objects.get(id="r").state == "failed"


async def test_an_async_run_tells_its_exception_too(context) -> None:
    with pytest.raises(ZeroDivisionError):
        async with emitter.arun(context) as run, run.tool("divide"):
            1 / 0  # noqa: B018
    completed, ended = (await aassert_run_complete("r"))[2:]
    assert (completed.type, completed.payload["error"]) == ("tool_completed", "division by zero")
    assert (ended.type, ended.payload["error_message"]) == ("agent_error", "division by zero")


async def test_a_cancelled_task_is_told_as_such(context) -> None:
    opened = asyncio.Event()

    async def work() -> None:
        async with emitter.arun(context):
            opened.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await opened.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    ended = (await aassert_run_complete("r"))[-1]
    assert (ended.type, ended.payload["status"]) == ("agent_completed", "cancelled")


def test_ended_by_somebody_else_it_stops_and_adds_no_second_end(context) -> None:
    with emitter.run(context) as run:
        emitter.emit(context, AgentCompleted(status="cancelled"))
        with pytest.raises(RunEnded) as caught:
            run.thinking("still here")
    assert caught.value.code == "run_ended"
    assert types(assert_run_complete("r")) == ["agent_started", "agent_completed", "agent_thinking"]
    assert Run.objects.get(id="r").state == "cancelled"


def test_an_agent_may_end_its_run_itself(context) -> None:
    with emitter.run(context) as run:
        run.emit(AgentCompleted({"answer": 7}))
    assert types(assert_run_complete("r")) == ["agent_started", "agent_completed"]


def test_in_a_transaction_it_warns_by_name(context) -> None:
    with pytest.warns(HeldTransactionWarning, match=r"emitter\.run"), transaction.atomic(), emitter.run(context):
        pass
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with emitter.run(RunContext(context.user_id, run_id="outside")):
            pass


def test_its_async_twin_warns_where_a_transaction_can_be_open(context) -> None:
    async def work() -> None:
        async with emitter.arun(context):
            pass

    with pytest.warns(HeldTransactionWarning, match=r"emitter\.arun"), transaction.atomic():
        async_to_sync(work)()
    assert types(assert_run_complete("r")) == ["agent_started", "agent_completed"]


def test_when_the_end_cannot_be_stored_the_first_error_goes_on(context, caplog) -> None:
    with pytest.raises(ZeroDivisionError), emitter.run(context) as run:  # noqa: PT012
        run.context = RunContext("nobody", run_id="r")
        1 / 0  # noqa: B018
    assert "unknown_user: run r could not tell how it went on" in caplog.text


async def test_usage_of_an_async_run_and_a_custom_event(context) -> None:
    async with emitter.arun(context) as run:
        run.usage("gpt-5", output_tokens=5)
        await run.emit(AgentThinking("own", 7))
    _, thought, ended = await aassert_run_complete("r")
    assert thought.payload["usage"] == {"calls": [{"model": "gpt-5", "input_tokens": 0, "output_tokens": 5}]}
    assert ended.payload["usage"] == {"input_tokens": 0, "output_tokens": 5, "calls": []}
