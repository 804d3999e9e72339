"""The old transparent emitter: flat events with the user's tier, and that it never raises."""

from types import SimpleNamespace
from typing import Any

import pytest

from emitter.adapters.transparent_websocket_events import (
    TransparentWebSocketBridge,
    TransparentWebSocketEmitter,
    WebSocketEventType,
    create_transparent_emitter,
)
from emitter.adapters.transparent_websocket_events import emitter as module

from .rows import Row, events, failures, name, only_event, row

pytestmark = pytest.mark.django_db(transaction=True)


def flat(fields: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {**fields, "request_id": "request-3", "metadata": {"user_tier": "free", **metadata}}


ROWS = [
    row(
        "emit_service_initializing",
        "search",
        ["connect"],
        30,
        becomes="service_initializing",
        payload=flat(
            {
                "service_name": "search",
                "message": "search starts.",
                "steps": ["connect"],
                "estimated_time_seconds": 30,
            },
            initialization_attempt=1,
        ),
    ),
    row(
        "emit_service_ready",
        "search",
        12.5,
        {"version": 2},
        becomes="service_ready",
        payload=flat(
            {"service_name": "search", "message": "search is ready.", "initialization_time_ms": 12.5},
            service_metadata={"version": 2},
            status="fully_operational",
        ),
    ),
    row(
        "emit_service_degraded",
        "search",
        "slow disk",
        ["cache"],
        becomes="service_degraded",
        payload=flat(
            {
                "service_name": "search",
                "message": "search works, but not well: slow disk",
                "reason": "slow disk",
                "fallback_options": ["cache"],
                "performance_impact": "Answers may take longer.",
            },
            status="degraded_operational",
            can_continue_processing=True,
        ),
    ),
    row(
        "emit_service_unavailable",
        "search",
        "no disk",
        60,
        ["ask later"],
        is_critical=True,
        becomes="service_unavailable",
        payload=flat(
            {
                "service_name": "search",
                "message": "search cannot be used: no disk",
                "reason": "no disk",
                "estimated_recovery_seconds": 60,
                "alternatives": ["ask later"],
                "is_critical": True,
                "enterprise_message": None,
            },
            status="unavailable",
            can_continue_processing=False,
            retry_recommended=True,
        ),
    ),
    row(
        "emit_service_recovered",
        "search",
        becomes="service_recovered",
        payload=flat(
            {"service_name": "search", "message": "search is well again.", "recovery_time_ms": None},
            status="fully_operational",
        ),
    ),
    row(
        "emit_system_status",
        "degraded",
        {"search": "ready", "mail": "down"},
        True,
        ["mail"],
        becomes="system_status",
        payload=flat(
            {
                "overall_status": "degraded",
                "service_statuses": {"search": "ready", "mail": "down"},
                "can_process_requests": True,
                "degraded_services": ["mail"],
            },
            total_services=2,
            healthy_services=1,
        ),
    ),
    row(
        "emit_user_queue_position",
        3,
        20,
        becomes="user_queue_position",
        payload=flat(
            {
                "position": 3,
                "queue_type": "standard",
                "message": "You are number 3 in the queue.",
                "estimated_wait_time_seconds": 20,
            },
            is_priority_queue=False,
        ),
    ),
    row(
        "emit_agent_started",
        "analyst",
        "Reads ledgers",
        becomes="agent_started",
        payload=flat({"agent_name": "analyst", "agent_description": "Reads ledgers"}),
    ),
    row(
        "emit_agent_thinking",
        "Reading",
        2,
        becomes="agent_thinking",
        payload=flat({"thought": "Reading", "step_number": 2}),
    ),
    row(
        "emit_tool_executing",
        "search",
        becomes="tool_executing",
        payload=flat({"tool_name": "search", "tool_description": None}),
    ),
    row(
        "emit_tool_completed",
        "search",
        {"hits": 3},
        becomes="tool_completed",
        payload=flat({"tool_name": "search", "result": {"hits": 3}}),
    ),
    row(
        "emit_agent_completed",
        "Done",
        12.5,
        becomes="agent_completed",
        payload=flat({"result": "Done", "execution_time_ms": 12.5}),
    ),
]
BRIDGED = {
    "emit_service_initializing": ("search",),
    "emit_service_ready": ("search", 12.5),
    "emit_service_degraded": ("search", "slow disk"),
    "emit_service_unavailable": ("search", "no disk", 60),
    "emit_service_recovered": ("search", 3.0),
    "emit_agent_started": ("analyst",),
    "emit_agent_thinking": ("Reading", 2),
    "emit_tool_executing": ("search",),
    "emit_tool_completed": ("search", object()),
    "emit_agent_completed": ("Done",),
}


@pytest.fixture
def old(context: Any) -> TransparentWebSocketEmitter:
    return TransparentWebSocketEmitter(context)


@pytest.mark.parametrize("one", ROWS, ids=name)
async def test_each_call_leaves_one_event_and_answers_nothing(one: Row, old: Any, key: str) -> None:
    assert await getattr(old, one.method)(*one.args, **one.kwargs) is None
    event = await only_event(key)
    assert (event["type"], event["payload"]) == (one.type, one.payload)
    assert (event["run_id"], event["thread_id"]) == ("run-19", "thread_7")
    assert event["source"] == "transparent_websocket_events"
    assert WebSocketEventType(event["type"])


@pytest.mark.parametrize("method", BRIDGED)
async def test_its_bridge_hands_each_call_on(method: str, context: Any, key: str) -> None:
    bridge = TransparentWebSocketBridge(context)
    await getattr(bridge, method)(*BRIDGED[method])
    event = await only_event(key)
    assert (event["type"], bridge.emitter.events_sent[0]["type"]) == (method.removeprefix("emit_"),) * 2


async def test_an_enterprise_user_is_told_more(old: Any, key: str, monkeypatch: Any) -> None:
    async def atier_of(user: str) -> Any:
        return SimpleNamespace(name="enterprise" if user == key else "free")

    monkeypatch.setattr(module, "atier_of", atier_of)
    mine = ["ask later"]
    await old.emit_service_unavailable("search", "no disk", alternatives=mine)
    await old.emit_user_queue_position(1)
    away, queue = (event["payload"] for event in await events(key))
    assert (len(away["alternatives"]), away["enterprise_message"] is not None, mine) == (3, True, ["ask later"])
    assert (queue["queue_type"], queue["metadata"]["is_priority_queue"]) == ("priority", True)
    assert queue["metadata"]["user_tier"] == "enterprise"


async def test_a_context_cannot_say_which_tier_it_has(context: Any, key: str) -> None:
    object.__setattr__(context, "user_tier", "enterprise")
    await TransparentWebSocketEmitter(context).emit_user_queue_position(1)
    assert (await only_event(key))["payload"]["metadata"]["user_tier"] == "free"


async def test_attempts_of_one_service_are_counted(old: Any, key: str) -> None:
    for service in ("search", "search", "mail"):
        await old.emit_service_initializing(service)
    attempts = [event["payload"]["metadata"]["initialization_attempt"] for event in await events(key)]
    assert attempts == [1, 2, 1]


@pytest.mark.parametrize("result", [float("nan"), "\ud800", "x" * 70_000, {(1, 2): None}, object()])
async def test_a_result_that_json_cannot_carry_loses_no_event(result: Any, old: Any, key: str) -> None:
    await old.emit_agent_completed(result)
    assert (await only_event(key))["payload"]["result"]


ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(
    ("method", "args", "code"),
    [
        ("emit_system_status", ("well", None, True), "adapter_failed"),
        ("emit_tool_completed", ("search", ENDLESS), "payload_too_deep"),
    ],
)
async def test_bad_input_stays_inside_and_is_counted(method: str, args: Any, code: str, old: Any, key: str) -> None:
    before = failures("transparent_websocket_events", code)
    await getattr(old, method)(*args)
    assert failures("transparent_websocket_events", code) - before == 1
    assert await events(key) == []


async def test_a_summary_tells_what_was_asked_for(context: Any) -> None:
    old = await create_transparent_emitter(context)
    assert old.get_events_summary()["first_event_time"] is None
    await old.emit_agent_started("analyst")
    await old.emit_agent_started("analyst")
    await old.emit_agent_thinking("Hm")
    summary = old.get_events_summary()
    assert (summary["total_events"], summary["event_counts"]) == (3, {"agent_started": 2, "agent_thinking": 1})
    assert summary["first_event_time"] <= summary["last_event_time"]
