"""The old base class of agents: inherited from, it tells its run and lives its small life."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from emitter.adapters.agent_websocket_bridge import AgentWebSocketBridge
from emitter.adapters.base_agent import WebSocketBridgeAdapter
from emitter.adapters.context import ExecutionContext, UserExecutionContext
from emitter.context import RunContext
from emitter.events import AgentStarted
from emitter.service import emitter

from .analyst import Analyst
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
