"""`emitter.testing` in each kind of test that a team may write."""

import asyncio

import pytest
from django.contrib.auth import get_user_model
from django.test import TestCase, TransactionTestCase

from emitter.context import RunContext
from emitter.events import AgentThinking, ToolExecuting
from emitter.service import emitter
from emitter.testing import (
    EventsClient,
    aassert_emitted,
    aassert_run_complete,
    assert_emitted,
    assert_run_complete,
    capture_events,
)


def work(key: str, run: str = "run-1") -> None:
    """What a team's own code does."""
    with emitter.run(RunContext(key, run_id=run), message="Why?") as told:
        told.thinking("Because")
        told.result = {"answer": "Because."}


async def awork(key: str, run: str = "run-1") -> None:
    async with emitter.arun(RunContext(key, run_id=run), message="Why?") as told:
        await told.thinking("Because")


class Checks:
    """The same checks, right under each of Django's classes."""

    def setUp(self) -> None:
        self.user = get_user_model().objects.create_user("carol")
        self.key = str(self.user.pk)

    def test_captures_what_the_block_emits(self) -> None:
        work(self.key, "before")
        with capture_events() as events:
            work(self.key)
        assert [event.type for event in events] == ["agent_started", "agent_thinking", "agent_completed"]
        assert {event.run for event in events} == {"run-1"}

    def test_asserts(self) -> None:
        work(self.key)
        assert assert_emitted("agent_thinking", user=self.user, thought="Because").seq == 2
        assert len(assert_run_complete("run-1")) == 3
        with pytest.raises(AssertionError, match="No agent_thinking"):
            assert_emitted("agent_thinking", thought="Why not")

    def test_a_run_that_is_not_complete(self) -> None:
        context = RunContext(self.key, run_id="open")
        emitter.emit(context, AgentThinking("first"))
        with pytest.raises(AssertionError, match="began with agent_thinking"):
            assert_run_complete("open")
        with pytest.raises(AssertionError, match="There is no run"):
            assert_run_complete("none")

    async def test_async_work_and_a_client(self) -> None:
        async with capture_events() as events, EventsClient(self.user) as client:
            await awork(self.key)
            thought = await client.receive_event("agent_thinking")
            ended = await client.receive_event()
        assert thought.payload == {"thought": "Because", "step_number": 1}
        assert (ended.type, ended.seq, len(events)) == ("agent_completed", 3, 3)
        await aassert_emitted("agent_started", message="Why?")
        assert len(await aassert_run_complete("run-1")) == 3

    async def test_a_client_of_somebody_else_hears_nothing(self) -> None:
        other = await get_user_model().objects.acreate(username="dave")
        async with EventsClient(other) as client:
            await awork(self.key)
            await emitter.aemit(RunContext(str(other.pk), run_id="own"), ToolExecuting("own"))
            assert (await client.receive_event()).run == "own"


class TestUnderTestCase(Checks, TestCase):
    pass


class TestUnderTransactionTestCase(Checks, TransactionTestCase):
    pass


@pytest.mark.django_db
def test_pytest_function(alice) -> None:
    with capture_events() as events:
        work(str(alice.pk))
    assert len(events) == 3


@pytest.mark.django_db(transaction=True)
async def test_pytest_asyncio(alice) -> None:
    async with EventsClient(alice, after=0) as client:
        await asyncio.gather(*(awork(str(alice.pk), f"run-{n}") for n in range(5)))
        assert [(await client.receive_event()).seq for _ in range(15)] == list(range(1, 16))
