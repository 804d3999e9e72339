"""The old bridge: what each call leaves in the log, whose run it is, and that it never raises."""

from typing import Any

import pytest

from emitter.adapters.agent_websocket_bridge import (
    AgentWebSocketBridge,
    IntegrationState,
    create_agent_websocket_bridge,
)
from emitter.adapters.agent_websocket_bridge.threads import MOST, Registry, extract_thread_id
from emitter.adapters.context import UserExecutionContext
from emitter.context import RunContext
from emitter.events import AgentStarted
from emitter.service import emitter

from .rows import Row, events, failures, name, only_event, row

pytestmark = pytest.mark.django_db(transaction=True)
RUN = ("run-19", "analyst")

ROWS = [
    row(
        "notify_agent_started",
        *RUN,
        {"goal": 1},
        trace_context={"id": "t"},
        becomes="agent_started",
        payload={
            "status": "started",
            "context": {"goal": 1},
            "message": "analyst has started.",
            "trace": {"id": "t"},
        },
    ),
    row(
        "notify_agent_thinking",
        *RUN,
        "Reading",
        2,
        becomes="agent_thinking",
        payload={"thought": "Reading", "step_number": 2, "progress_percentage": None, "status": "thinking"},
    ),
    row(
        "notify_tool_executing",
        *RUN,
        "search",
        {"query": "x" * 201},
        becomes="tool_executing",
        payload={
            "tool_name": "search",
            "parameters": {"query": "x" * 200 + "..."},
            "status": "executing",
            "message": "analyst is using search.",
        },
    ),
    row(
        "notify_tool_completed",
        *RUN,
        "search",
        {"hits": list(range(12)), "text": "y" * 501},
        4.5,
        becomes="tool_completed",
        payload={
            "tool_name": "search",
            "result": {"hits": [*range(10), "...(truncated)"], "text": "y" * 500 + "..."},
            "execution_time_ms": 4.5,
            "status": "completed",
            "message": "analyst has used search.",
        },
    ),
    row(
        "notify_agent_completed",
        *RUN,
        {"answer": 42},
        execution_time_ms=12.5,
        becomes="agent_completed",
        payload={
            "status": "completed",
            "result": {"answer": 42},
            "execution_time_ms": 12.5,
            "message": "analyst is done.",
        },
    ),
    row(
        "notify_agent_error",
        *RUN,
        "No ledger",
        {"error_type": "Lookup", "stack": "secret"},
        becomes="agent_error",
        payload={
            "status": "error",
            "error_message": "No ledger",
            "error_type": "Lookup",
            "error_context": {"error_type": "Lookup", "agent_step": "unknown", "user_facing": True},
            "message": "analyst could not go on.",
        },
    ),
    row(
        "notify_agent_death",
        *RUN,
        "timeout",
        {"after": 30},
        becomes="agent_death",
        payload={
            "status": "dead",
            "death_cause": "timeout",
            "death_context": {"after": 30},
            "message": "analyst took too long and was stopped. Ask again.",
            "recovery_action": "refresh_required",
        },
    ),
    row(
        "notify_progress_update",
        *RUN,
        {"percentage": 50, "message": "Half", "internal": 1},
        becomes="progress_update",
        payload={
            "status": "progress",
            "progress_data": {"percentage": 50, "message": "Half"},
            "message": "Half",
        },
    ),
    row(
        "notify_custom",
        *RUN,
        "parcel_found",
        {"at": "z" * 1001},
        becomes="parcel_found",
        payload={"at": "z" * 1000 + "..."},
    ),
    row(
        "emit_agent_event",
        "tool_executing",
        {"tool": "search", "type": "other", "run_id": "other"},
        *RUN,
        becomes="tool_executing",
        payload={"tool_name": "search", "type": "other", "run_id": "other"},
    ),
]


@pytest.fixture
def bridge(context: Any) -> AgentWebSocketBridge:
    return create_agent_websocket_bridge(context)


@pytest.mark.parametrize("one", ROWS, ids=name)
async def test_each_call_leaves_one_event_and_answers_true(one: Row, bridge: Any, key: str) -> None:
    assert await getattr(bridge, one.method)(*one.args, **one.kwargs) is True
    event = await only_event(key)
    assert (event["type"], event["payload"]) == (one.type, one.payload)
    assert (event["run_id"], event["thread_id"]) == ("run-19", "thread_7")
    assert (event["agent_name"], event["source"]) == ("analyst", "agent_websocket_bridge")


async def test_an_event_of_a_context_is_that_contexts(context: Any, key: str) -> None:
    bridge = AgentWebSocketBridge()
    assert await bridge.emit_event(context, "parcel_found", {"at": 1}) is True
    event = await only_event(key)
    assert (event["run_id"], event["payload"]) == ("run-19", {"at": 1})


ENDLESS: dict[str, Any] = {}
ENDLESS["self"] = ENDLESS
BAD: list[tuple[str, tuple[Any, ...], str]] = [
    ("notify_agent_started", (None, "analyst"), "bad_id"),
    ("notify_agent_started", ("registry", "analyst"), "bad_id"),
    ("notify_agent_started", ("  ", "analyst"), "bad_id"),
    ("notify_progress_update", (*RUN, None), "payload_not_object"),
    ("notify_custom", (*RUN, "parcel_found", "text"), "payload_not_object"),
    ("notify_tool_completed", (*RUN, "search", ENDLESS), "payload_too_deep"),
    ("notify_custom", (*RUN, "ping", {}), "unknown_type"),
    ("notify_custom", (*RUN, ["list"], {}), "unknown_type"),
    ("notify_agent_error", (*RUN, "No", "text"), "adapter_failed"),
    ("emit_agent_event", ("agent_started", {}), "bad_id"),
    ("emit_agent_event", ("agent_started", None, "run-19"), "payload_not_object"),
    ("emit_event", (object(), "agent_started", {}), "bad_id"),
]


@pytest.mark.parametrize(("name", "told"), [(7, "agent"), (" a\nb ", "ab"), ("x" * 300, "x" * 200), (None, "agent")])
async def test_no_event_is_lost_over_its_agents_name(name: Any, told: str, bridge: Any, key: str) -> None:
    assert await bridge.notify_agent_thinking("run-19", name, "Hm") is True
    assert (await only_event(key))["agent_name"] == told


@pytest.mark.parametrize(("method", "args", "code"), BAD, ids=[f"{one[0]}-{one[2]}" for one in BAD])
async def test_bad_input_is_answered_false_and_counted(
    method: str, args: Any, code: str, bridge: Any, key: str
) -> None:
    before = failures("agent_websocket_bridge", code)
    assert await getattr(bridge, method)(*args) is False
    assert failures("agent_websocket_bridge", code) - before == 1
    assert await events(key) == []
    assert bridge.get_event_delivery_stats()["failed_events"] == 1


# Whose a run is -------------------------------------------------------------------------------------------------------


async def test_nobodys_run_is_answered_false(db: None) -> None:
    before = failures("agent_websocket_bridge", "unknown_run")
    bridge = AgentWebSocketBridge()
    assert await bridge.notify_agent_started(*RUN) is False
    assert failures("agent_websocket_bridge", "unknown_run") - before == 1
    assert bridge.get_resolution_metrics()["failure_sources"] == {"unknown_run": 1}


async def test_a_bridge_without_a_context_finds_the_runs_user_in_the_log(key: str) -> None:
    await emitter.aemit(RunContext(key, "thread_8", "run-19"), AgentStarted())
    bridge = AgentWebSocketBridge()
    assert await bridge.notify_agent_thinking(*RUN, "Hm") is True
    assert await bridge.notify_agent_thinking(*RUN, "Hm") is True
    assert [event["thread_id"] for event in await events(key)] == ["thread_8"] * 3
    assert bridge.get_resolution_metrics()["resolution_sources"] == {"log": 1, "known": 1}


async def test_what_is_registered_says_thread_and_user(key: str) -> None:
    bridge = AgentWebSocketBridge()
    assert await bridge.register_run_thread_mapping("run-19", "thread_9", {"user_id": key}) is False
    await bridge.ensure_integration()
    assert await bridge.register_run_thread_mapping("run-19", "thread_9", {"user_id": key}) is True
    assert await bridge.notify_agent_started(*RUN) is True
    assert (await only_event(key))["thread_id"] == "thread_9"
    assert (await bridge.get_thread_registry_status())["active_mappings"] == 1
    assert await bridge.unregister_run_mapping("run-19") is True
    assert await bridge.unregister_run_mapping("run-19") is False
    await bridge.shutdown()
    assert await bridge.get_thread_registry_status() is None


@pytest.mark.parametrize(
    ("run", "thread"),
    [("run_abc_1700000000_0a1b2c3d", "thread_abc"), ("0192f0a1-c3b4-7000-8000-000000000000", "thread_7")],
)
async def test_another_run_of_the_bound_user_is_in_the_thread_that_its_id_names(
    run: str, thread: str, bridge: Any, key: str
) -> None:
    assert await bridge.notify_agent_started(run, "analyst") is True
    assert (await only_event(key))["thread_id"] == thread


async def test_another_run_that_is_known_stays_in_its_thread(bridge: Any, key: str) -> None:
    await emitter.aemit(RunContext(key, "thread_8", "run_abc_1700000000_0a1b2c3d"), AgentStarted())
    assert await bridge.notify_agent_thinking("run_abc_1700000000_0a1b2c3d", "analyst", "Hm") is True
    assert (await events(key))[-1]["thread_id"] == "thread_8"


async def test_a_bound_bridge_tells_nobody_elses_run(bridge: Any, key: str, bob: Any) -> None:
    await emitter.aemit(RunContext(str(bob.pk), run_id="bobs"), AgentStarted())
    before = failures("agent_websocket_bridge", "run_owned")
    assert await bridge.notify_agent_thinking("bobs", "analyst", "Hm") is False
    assert failures("agent_websocket_bridge", "run_owned") - before == 1
    assert (len(await events(str(bob.pk))), await events(key)) == (1, [])


async def test_an_unknown_user_is_answered_false(db: None) -> None:
    stranger = AgentWebSocketBridge(UserExecutionContext("nobody", "thread_7", "run-19"))
    before = failures("agent_websocket_bridge", "unknown_user")
    assert await stranger.notify_agent_started(*RUN) is False
    assert failures("agent_websocket_bridge", "unknown_user") - before == 1


@pytest.mark.parametrize(
    ("run", "thread"),
    [
        ("run_abc_def_1700000000_0a1b2c3d", "abc_def"),
        ("agent_7", "thread_agent_7"),
        ("thread_7", "thread_7"),
        ("0192f0a1", "0192f0a1"),
        (None, ""),
    ],
)
def test_the_thread_in_a_runs_id(run: Any, thread: str) -> None:
    assert extract_thread_id(run) == AgentWebSocketBridge().extract_thread_id(run) == thread


def test_only_so_many_runs_are_registered() -> None:
    registry = Registry()
    for number in range(MOST + 3):
        registry.put(f"run-{number}", "thread_7", None)
    assert (len(registry.runs), "run-2" in registry.runs, "run-3" in registry.runs) == (MOST, False, True)


# State ----------------------------------------------------------------------------------------------------------------


async def test_initialising_is_idempotent_and_shutting_down_begins_anew() -> None:
    bridge = AgentWebSocketBridge()
    assert bridge.state is IntegrationState.UNINITIALIZED
    first = await bridge.ensure_integration(supervisor=1, registry=2)
    again = await bridge.ensure_integration()
    assert (first.success, again.success, bridge.state, bridge.registry) == (True, True, IntegrationState.ACTIVE, 2)
    recovered = await bridge.recover_integration()
    assert (recovered.success, recovered.recovery_attempted) == (True, True)
    counts = await bridge.get_metrics()
    assert (counts["total_initializations"], counts["recovery_success_rate"]) == (2, 1.0)
    await bridge.shutdown()
    assert bridge.state is IntegrationState.UNINITIALIZED


async def test_its_health_is_the_emitters_and_observers_hear_of_a_change(monkeypatch: Any) -> None:
    heard: list[tuple[str, Any]] = []

    class Observer:
        async def on_component_health_change(self, component: str, data: Any) -> None:
            heard.append((data["state"], data["healthy"]))

    class Broken:
        def on_component_health_change(self, component: str, data: Any) -> None:
            raise OSError("gone")

    bridge, observer = AgentWebSocketBridge(), Observer()
    await bridge.ensure_integration()
    for one in (Broken(), observer, observer):
        bridge.register_monitor_observer(one)
    await bridge.health_check()
    monkeypatch.setattr(emitter.spool, "away", True)
    status = await bridge.health_check()
    assert (status.websocket_manager_healthy, status.consecutive_failures) == (False, 1)
    assert (await bridge.get_health_status())["healthy"] is False
    bridge.remove_monitor_observer(observer)
    bridge.remove_monitor_observer(observer)
    monkeypatch.setattr(emitter.spool, "away", False)
    assert (await bridge.health_check()).state is IntegrationState.ACTIVE
    assert heard[-1] == ("degraded", False)
    assert (await bridge.get_status())["dependencies"]["websocket_manager_available"] is False


def test_a_manager_is_taken_when_it_looks_like_one() -> None:
    bridge = AgentWebSocketBridge()
    with pytest.raises(ValueError, match="send_to_thread"):
        bridge.websocket_manager = object()
    manager = type("Manager", (), {"send_to_thread": None})()
    bridge.websocket_manager = manager
    assert bridge.websocket_manager is manager
    bridge.websocket_manager = None


# Emitters for a user --------------------------------------------------------------------------------------------------


async def test_it_makes_emitters_for_a_context_or_ids(bridge: Any, context: Any, key: str) -> None:
    one = await bridge.create_user_emitter(context)
    other = await AgentWebSocketBridge.create_user_emitter_from_ids(key, "thread_7", "run-19")
    async with bridge.create_scoped_emitter(context) as third:
        await third.notify_agent_started("analyst")
    async for fourth in bridge.create_scoped_emitter(context):
        await fourth.notify_agent_thinking("analyst", "Hm")
    assert [one.user_id, other.user_id, len(await events(key))] == [key, key, 2]
    for bad in (None, object()):
        with pytest.raises(ValueError, match="context"):
            await bridge.create_user_emitter(bad)
    with pytest.raises(ValueError, match="run_id must be a text"):
        await AgentWebSocketBridge.create_user_emitter_from_ids(key, "thread_7", "")


async def test_a_request_is_orchestrated_from_beginning_to_end(bridge: Any, key: str) -> None:
    orchestrator = await bridge.create_execution_orchestrator(key, "analyst")
    execution, notifier = await orchestrator.create_execution_context("analyst", key, "Why?")
    await notifier.send_agent_thinking(execution, "Because")
    await orchestrator.complete_execution(execution, {"answer": 42})
    thought, ending = await events(key)
    assert (thought["payload"]["thought"], thought["payload"]["step_number"]) == ("Because", 1)
    assert (ending["payload"]["result"], ending["run_id"]) == ("{'answer': 42}", execution.run_id)
    assert notifier.get_event_delivery_stats()["success_rate"] == 100.0
