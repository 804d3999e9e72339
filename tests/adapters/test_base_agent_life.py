"""An old agent at work: a whole run by inheritance, the steps of its life, and the ways to make one."""

from typing import Any

import pytest

from emitter.adapters.base_agent import BaseAgent, NoBridge, SubAgentLifecycle
from emitter.adapters.context import ExecutionContext

from .analyst import Analyst
from .rows import events

pytestmark = pytest.mark.django_db(transaction=True)


# Working --------------------------------------------------------------------------------------------------------------


async def test_a_whole_run_by_inheritance(agent: Any, context: Any, key: str) -> None:
    child = context.create_child_context("ask", {"question": "Why?"})
    assert await agent.execute_with_context(child) == {"answer": 42}
    stored = await events(key)
    assert [event["type"] for event in stored] == [
        "agent_started",
        "agent_thinking",
        "tool_executing",
        "tool_completed",
        "agent_completed",
    ]
    assert stored[2]["payload"]["parameters"] == {"query": "Why?"}
    assert stored[4]["payload"]["result"] == {"status": "success", "result_type": "dict"}


async def test_a_run_that_fails_says_so_and_raises(agent: Any, context: Any, key: str, monkeypatch: Any) -> None:
    async def fails(context: Any, stream_updates: bool) -> None:
        raise LookupError("No ledger")

    monkeypatch.setattr(agent, "_execute_with_user_context", fails)
    with pytest.raises(LookupError):
        await agent.execute_with_context(context)
    ending = (await events(key))[-1]
    assert (ending["type"], ending["payload"]["error_message"]) == ("agent_error", "No ledger")
    assert ending["payload"]["error_type"] == "LookupError"


async def test_a_wrong_context_and_a_missing_subclass_are_told_apart(agent: Any, context: Any) -> None:
    with pytest.raises(TypeError):
        await agent.execute({"user_id": "4711"})
    with pytest.raises(NotImplementedError):
        await BaseAgent().execute(context)
    with pytest.raises(NoBridge):
        await Analyst().execute_with_context(context)
    assert (await agent.execute_core_logic(ExecutionContext("run-19")))["status"] == "completed"


# Its life -------------------------------------------------------------------------------------------------------------


async def test_a_life_goes_forward_and_a_failed_one_begins_anew(agent: Any) -> None:
    life = SubAgentLifecycle
    assert agent.get_state() is life.PENDING
    for state in (life.RUNNING, life.FAILED, life.PENDING, life.RUNNING, life.COMPLETED, life.SHUTDOWN):
        agent.set_state(state)
    await agent.shutdown()
    assert agent.get_state() is life.SHUTDOWN
    with pytest.raises(ValueError, match="cannot become running"):
        agent.set_state(life.RUNNING)
    await agent.reset_state()
    assert (agent.get_state(), agent.has_websocket_context()) == (life.PENDING, False)


@pytest.mark.parametrize("new", ["pending", "running", "failed"])
def test_what_is_completed_can_only_end(new: str) -> None:
    agent = Analyst()
    agent.set_state(SubAgentLifecycle.RUNNING)
    agent.set_state(SubAgentLifecycle.COMPLETED)
    with pytest.raises(ValueError, match="it may become shutdown"):
        agent.set_state(SubAgentLifecycle(new))


async def test_it_tells_of_its_health_and_lets_go(agent: Any, context: Any) -> None:
    health = agent.get_health_status()
    assert (health["agent_name"], health["state"], health["websocket_available"]) == ("analyst", "pending", True)
    agent.propagate_websocket_context_to_state({"a": 1})
    agent.set_user_context(context)
    assert agent.websocket_emitter is agent.websocket_emitter is not None
    await agent.cleanup()
    assert not agent.has_websocket_context()
    with pytest.raises(TypeError):
        agent.set_user_context(object())


def test_it_is_made_in_the_old_ways(context: Any) -> None:
    configured = Analyst.create_with_context(context, {"description": "Other", "unheard_of": 1})
    assert (configured.user_context, configured.description, hasattr(configured, "unheard_of")) == (
        context,
        "Other",
        False,
    )
    made = BaseAgent.create_agent_with_context(context)
    assert (made.name, made.user_context) == ("BaseAgent", context)
    with pytest.warns(DeprecationWarning, match="create_legacy_with_warnings") as said:
        assert isinstance(Analyst.create_legacy_with_warnings(llm_manager=1), Analyst)
    assert {warning.filename for warning in said} == {__file__}
    with pytest.warns(DeprecationWarning, match="tool_dispatcher"):
        BaseAgent(tool_dispatcher=object())
    with pytest.raises(TypeError):
        BaseAgent(unheard_of=1)  # type: ignore[call-arg]
