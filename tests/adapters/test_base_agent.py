"""The old base class of agents: inherited from, it tells its run and lives its small life."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from emitter.adapters.agent_websocket_bridge import AgentWebSocketBridge
from emitter.adapters.base_agent import BaseAgent, NoBridge, SubAgentLifecycle, WebSocketBridgeAdapter
from emitter.adapters.context import ExecutionContext, UserExecutionContext
from emitter.context import RunContext
from emitter.events import AgentStarted
from emitter.service import emitter

from .rows import Row, events, failures, name, only_event, row

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = [
    row(
        "emit_agent_started",
        "Why?",
        becomes="agent_started",
        payload={"status": "started", "context": {"message": "Why?"}, "message": "analyst has started."},
    ),
    row(
        "emit_thinking",
        "Reading",
        2,
        becomes="agent_thinking",
        payload={"thought": "Reading", "step_number": 2, "progress_percentage": None, "status": "thinking"},
    ),
    *(
        row(
            method,
            "search",
            {"query": "x"},
            becomes="tool_executing",
            payload={
                "tool_name": "search",
                "parameters": {"query": "x"},
                "status": "executing",
                "message": "analyst is using search.",
            },
        )
        for method in ("emit_tool_executing", "emit_tool_started")
    ),
    row(
        "emit_tool_completed",
        "search",
        {"hits": 3},
        becomes="tool_completed",
        payload={
            "tool_name": "search",
            "result": {"hits": 3},
            "execution_time_ms": None,
            "status": "completed",
            "message": "analyst has used search.",
        },
    ),
    row(
        "emit_agent_completed",
        {"answer": 42},
        becomes="agent_completed",
        payload={
            "status": "completed",
            "result": {"answer": 42},
            "execution_time_ms": None,
            "message": "analyst is done.",
        },
    ),
    row(
        "emit_progress",
        "Half",
        is_complete=True,
        becomes="progress_update",
        payload={
            "status": "progress",
            "progress_data": {"message": "Half"},
            "message": "Half",
            "is_complete": True,
        },
    ),
    row(
        "emit_error",
        "No ledger",
        error_details={"stack": "secret"},
        becomes="agent_error",
        payload={
            "status": "error",
            "error_message": "No ledger",
            "error_type": "general",
            "error_context": {"error_type": "general", "agent_step": "unknown", "user_facing": True},
            "message": "analyst could not go on.",
        },
    ),
    row(
        "emit_subagent_started",
        "reader",
        becomes="subagent_started",
        payload={"subagent_name": "reader", "subagent_id": None},
    ),
    row(
        "emit_subagent_completed",
        "reader",
        "reader-1",
        {"pages": 3},
        4.5,
        becomes="subagent_completed",
        payload={"subagent_name": "reader", "subagent_id": "reader-1", "result": {"pages": 3}, "duration_ms": 4.5},
    ),
]
UPDATES = [
    row(
        "send_legacy_update",
        "run-20",
        "planning",
        "Half",
        {"step": 1},
        becomes="progress_update",
        payload={
            "status": "progress",
            "progress_data": {"status": "planning", "message": "Half"},
            "message": "Half",
            "result": {"step": 1},
        },
    ),
    row(
        "send_legacy_update",
        "run-20",
        "failed",
        "No ledger",
        becomes="agent_error",
        payload={
            "status": "error",
            "error_message": "No ledger",
            "error_type": None,
            "error_context": {},
            "message": "analyst could not go on.",
        },
    ),
    row(
        "send_processing_update",
        "run-20",
        "Reading",
        becomes="agent_thinking",
        payload={"thought": "Reading", "step_number": None, "progress_percentage": None, "status": "thinking"},
    ),
    row(
        "send_completion_update",
        "run-20",
        {"answer": 42},
        True,
        becomes="agent_completed",
        payload={
            "status": "completed",
            "result": {"answer": 42},
            "execution_time_ms": None,
            "message": "analyst is done.",
            "fallback": True,
        },
    ),
]
CRITICAL = [
    ("emit_agent_started", ()),
    ("emit_thinking", ("Hm",)),
    ("emit_tool_executing", ("search",)),
    ("emit_tool_started", ("search",)),
    ("emit_tool_completed", ("search",)),
    ("emit_agent_completed", ()),
]
AUXILIARY = [
    ("emit_progress", ("Half",)),
    ("emit_error", ("No",)),
    ("emit_subagent_started", ("reader",)),
    ("emit_subagent_completed", ("reader",)),
]


class Analyst(BaseAgent):
    """An old agent, as teams have them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(name=kwargs.pop("name", "analyst"), description="Reads ledgers", **kwargs)

    async def _execute_with_user_context(self, context: Any, stream_updates: bool) -> Any:
        await self.emit_thinking("Reading")
        await self.emit_tool_executing("search", {"query": context.agent_context.get("question")})
        await self.emit_tool_completed("search", {"hits": 3})
        return {"answer": 42}


@pytest.fixture
def agent(context: Any) -> Analyst:
    """An agent whose bridge knows the user."""
    made = Analyst()
    made.set_websocket_bridge(AgentWebSocketBridge(context), "run-19")
    return made


@pytest.mark.parametrize("one", ROWS, ids=name)
async def test_each_call_leaves_one_event_and_answers_nothing(one: Row, agent: Any, key: str) -> None:
    assert await getattr(agent, one.method)(*one.args, **one.kwargs) is None
    event = await only_event(key)
    assert (event["type"], event["payload"]) == (one.type, one.payload)
    assert (event["run_id"], event["thread_id"]) == ("run-19", "thread_7")
    assert (event["agent_name"], event["source"]) == ("analyst", "base_agent")


@pytest.mark.parametrize("one", UPDATES, ids=name)
async def test_an_update_names_its_own_run(one: Row, agent: Any, key: str) -> None:
    assert await getattr(agent, one.method)(*one.args, **one.kwargs) is None
    event = await only_event(key)
    assert (event["type"], event["payload"], event["run_id"]) == (one.type, one.payload, "run-20")


@pytest.mark.parametrize("one", ROWS, ids=name)
async def test_the_object_between_agent_and_bridge_does_the_same(one: Row, context: Any, key: str) -> None:
    between = WebSocketBridgeAdapter()
    between.set_websocket_bridge(AgentWebSocketBridge(context), "run-19", "analyst")
    assert between.has_websocket_bridge()
    await getattr(between, one.method)(*one.args, **one.kwargs)
    assert (await only_event(key))["payload"] == one.payload


@pytest.mark.parametrize(
    ("status", "event_type"),
    [
        ("executing", "agent_thinking"),
        ("completed", "progress_update"),
        ("failed", "agent_error"),
        ("planning", "progress_update"),
    ],
)
async def test_a_status_becomes_the_event_that_says_it(status: str, event_type: str, agent: Any, key: str) -> None:
    await agent.send_status_update(ExecutionContext("run-19"), status, "Half")
    event = await only_event(key)
    assert event["type"] == event_type
    assert event["payload"].get("is_complete", False) is (status == "completed")


# Without a bridge -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "args"), CRITICAL)
async def test_a_critical_event_wants_a_bridge_and_a_run(method: str, args: Any, context: Any) -> None:
    lonely = Analyst(user_context=context)
    before = failures("base_agent", "no_bridge")
    for bridge, run in ((None, "run-19"), (AgentWebSocketBridge(context), None), (AgentWebSocketBridge(context), "")):
        lonely.set_websocket_bridge(bridge, run)  # type: ignore[arg-type]
        assert not lonely.has_websocket_context()
        with pytest.raises(RuntimeError, match="set_websocket_bridge"):
            await getattr(lonely, method)(*args)
    assert failures("base_agent", "no_bridge") - before == 3


@pytest.mark.parametrize(("method", "args"), AUXILIARY)
async def test_the_others_keep_silent(method: str, args: Any, context: Any, key: str) -> None:
    assert await getattr(Analyst(user_context=context), method)(*args) is None
    assert await events(key) == []


@pytest.mark.parametrize(("method", "args"), CRITICAL)
async def test_so_do_all_in_test_mode(method: str, args: Any, key: str) -> None:
    agent, between = Analyst(), WebSocketBridgeAdapter()
    agent.enable_websocket_test_mode()
    between.enable_test_mode()
    await getattr(agent, method)(*args)
    await getattr(between, method)(*args)
    assert await events(key) == []


async def test_an_update_of_nobodys_run_never_raises(db: None) -> None:
    before = failures("base_agent", "unknown_run")
    await Analyst().send_processing_update("run-19", "Hm")
    assert failures("base_agent", "unknown_run") - before == 1


@pytest.mark.parametrize(("method", "args"), [*CRITICAL, *AUXILIARY])
async def test_what_goes_wrong_later_stays_inside(method: str, args: Any, db: None) -> None:
    stranger = Analyst()
    stranger.set_websocket_bridge(AgentWebSocketBridge(UserExecutionContext("nobody", "t-7", "run-19")), "run-19")
    before = failures("base_agent", "unknown_user")
    await getattr(stranger, method)(*args)
    assert failures("base_agent", "unknown_user") - before == 1


async def test_a_result_that_is_no_dictionary_is_told_too(agent: Any, key: str) -> None:
    await agent.emit_agent_completed("42")
    assert (await only_event(key))["payload"]["result"] == "42"


# Whose run it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["bridge", "its context", "its user id", "the log"])
async def test_the_user_is_found(by: str, context: Any, key: str) -> None:
    agent = Analyst(user_context=context if by == "its context" else None, user_id=key if by == "its user id" else None)
    bridge = SimpleNamespace(user_context=context) if by == "bridge" else AgentWebSocketBridge()
    if by == "the log":
        await emitter.aemit(RunContext(key, run_id="run-19"), AgentStarted())
    agent.set_websocket_bridge(bridge, "run-19")
    await agent.emit_thinking("Hm")
    assert (await events(key))[-1]["payload"]["thought"] == "Hm"


async def test_the_thread_is_the_one_that_was_registered_with_the_bridge(key: str) -> None:
    bridge, agent = AgentWebSocketBridge(), Analyst(user_id=key)
    await bridge.ensure_integration()
    await bridge.register_run_thread_mapping("run-19", "thread_9")
    agent.set_websocket_bridge(bridge, "run-19")
    await agent.emit_thinking("Hm")
    assert (await only_event(key))["thread_id"] == "thread_9"


async def test_a_bridge_that_two_agents_share_mixes_no_users(key: str, bob: Any, context: Any) -> None:
    bridge, told = AgentWebSocketBridge(), []
    for user in (key, str(bob.pk)):
        agent = Analyst(user_id=user)
        agent.set_websocket_bridge(bridge, f"run-of-{user}")
        told.append(agent.emit_thinking(f"of {user}"))
    await asyncio.gather(*told)
    for user in (key, str(bob.pk)):
        assert (await only_event(user))["payload"]["thought"] == f"of {user}"


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
