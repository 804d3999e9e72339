"""The old unified emitter: what each call leaves in the log, what it answers, what it lets out."""

from typing import Any

import pytest

from emitter import metrics
from emitter.adapters.unified_emitter import (
    AuthenticationWebSocketEmitter,
    UnifiedWebSocketEmitter,
    WebSocketEmitterFactory,
    WebSocketEmitterPool,
)
from emitter.errors import EmitterError

from .rows import Row, events, failures, name, only_event, row

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = [
    row("emit_agent_started", {"agent_name": "a"}, becomes="agent_started", payload={"agent_name": "a"}),
    row(
        "emit_agent_thinking",
        {"reasoning": "Hm", "step_number": 2, "note": None},
        becomes="agent_thinking",
        payload={"thought": "Hm", "step_number": 2},
    ),
    row(
        "emit_tool_executing",
        {"tool": "search", "parameters": {"q": 1}},
        becomes="tool_executing",
        payload={"tool_name": "search", "parameters": {"q": 1}},
    ),
    row(
        "emit_tool_completed",
        {"tool": "search", "metadata": {"result": [1], "cached": True}},
        becomes="tool_completed",
        payload={"tool_name": "search", "result": [1], "metadata": {"cached": True}},
    ),
    row(
        "emit_agent_completed",
        {"result": "done", "status": "success"},
        becomes="agent_completed",
        payload={"result": "done", "legacy": {"status": "success"}},
    ),
    row("emit", "agent_started", {"message": "Hi"}, becomes="agent_started", payload={"message": "Hi"}),
    row("emit", "auth_started", {"by": None}, becomes="auth_started", payload={"by": None}),
    row(
        "notify_agent_started",
        "analyst",
        {"a": 1, "b": 1},
        context={"b": 2},
        becomes="agent_started",
        payload={"agent_name": "analyst", "metadata": {"a": 1, "b": 2}, "status": "started"},
    ),
    row(
        "notify_agent_thinking",
        "analyst",
        "Reading",
        step_number=3,
        becomes="agent_thinking",
        payload={"agent_name": "analyst", "thought": "Reading", "step_number": 3, "metadata": {}},
    ),
    row(
        "notify_tool_executing",
        "search",
        {"parameters": {"q": "x"}},
        becomes="tool_executing",
        payload={"tool_name": "search", "parameters": {"q": "x"}, "metadata": {}, "status": "executing"},
    ),
    row(
        "notify_tool_completed",
        "search",
        {"result": {"hits": 3}, "execution_time_ms": 4.5},
        becomes="tool_completed",
        payload={
            "tool_name": "search",
            "result": {"hits": 3},
            "execution_time_ms": 4.5,
            "metadata": {},
            "status": "completed",
        },
    ),
    row(
        "notify_agent_completed",
        "analyst",
        {"kept": 1},
        {"answer": 42},
        12.5,
        becomes="agent_completed",
        payload={
            "agent_name": "analyst",
            "status": "completed",
            "result": {"answer": 42},
            "execution_time_ms": 12.5,
            "metadata": {"kept": 1},
        },
    ),
    row(
        "notify_agent_error",
        "No ledger",
        error_type="Lookup",
        becomes="agent_error",
        payload={"error_message": "No ledger", "status": "error", "error_type": "Lookup"},
    ),
    row(
        "notify_progress_update",
        0.5,
        "Half",
        left=2,
        becomes="progress_update",
        payload={"progress": 0.5, "message": "Half", "left": 2},
    ),
    row("notify_custom", "parcel_found", {"at": None}, becomes="parcel_found", payload={"at": None}),
]
CRITICAL = {"agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"}


@pytest.fixture
def old(key: str, context: Any) -> UnifiedWebSocketEmitter:
    return UnifiedWebSocketEmitter(object(), key, context)


@pytest.mark.parametrize("one", ROWS, ids=name)
async def test_each_call_leaves_one_event_and_answers_nothing(one: Row, old: Any, key: str) -> None:
    assert await getattr(old, one.method)(*one.args, **one.kwargs) is None
    event = await only_event(key)
    request = {"request_id": "request-3"} if one.type in CRITICAL else {}
    assert (event["type"], event["payload"]) == (one.type, one.payload | request)
    assert (event["run_id"], event["thread_id"], event["source"]) == ("run-19", "thread_7", "unified_emitter")


@pytest.mark.parametrize("method", sorted(f"emit_{event_type}" for event_type in CRITICAL))
async def test_data_that_is_no_dictionary_raises_as_it_did(method: str, old: Any, key: str) -> None:
    before = failures("unified_emitter", "payload_not_object")
    with pytest.raises(TypeError, match="payload_not_object"):
        await getattr(old, method)("text")
    assert await events(key) == []
    assert failures("unified_emitter", "payload_not_object") - before == 1


async def test_whatever_else_happens_to_a_critical_event_stays_inside(context: Any, db: None) -> None:
    before = failures("unified_emitter", "unknown_user")
    stranger = UnifiedWebSocketEmitter(None, "nobody", context)
    await stranger.notify_agent_started("analyst")
    assert stranger.get_stats()["error_count"] == 1
    assert failures("unified_emitter", "unknown_user") - before == 1


@pytest.mark.parametrize(
    ("method", "args"),
    [("notify_agent_error", ("e",)), ("notify_progress_update", (1,)), ("notify_custom", ("t", {}))],
)
async def test_the_others_let_it_out(method: str, args: Any, context: Any, db: None) -> None:
    stranger = UnifiedWebSocketEmitter(None, "nobody", context)
    with pytest.raises(EmitterError) as caught:
        await getattr(stranger, method)(*args)
    assert caught.value.code == "unknown_user"


async def test_a_callers_dictionary_stays_as_it_was(old: Any) -> None:
    metadata: dict[str, Any] = {"result": 1}
    await old.notify_agent_completed("analyst", metadata, execution_time_ms=3.0)
    assert metadata == {"result": 1}


async def test_without_a_context_an_emitter_is_a_run_and_after_its_end_another(key: str) -> None:
    loose = UnifiedWebSocketEmitter(None, key)
    await loose.notify_agent_started("analyst")
    await loose.notify_agent_completed("analyst")
    await loose.notify_agent_started("analyst")
    await loose.notify_custom("parcel_found", {"run_id": "run-of-the-data", "thread_id": "t"})
    stored = await events(key)
    runs = [event["run_id"] for event in stored]
    assert runs[0] == runs[1] != runs[2]
    assert (runs[3], stored[3]["thread_id"]) == ("run-of-the-data", "t")


async def test_what_it_counts_is_what_it_counted(old: Any, key: str) -> None:
    await old.notify_agent_started("analyst")
    await old.notify_custom("parcel_found", {})
    await old.notify_agent_error("gone")
    stats = old.get_stats()
    assert (stats["user_id"], stats["total_events"], stats["error_count"]) == (key, 2, 1)
    assert stats["critical_events"]["agent_started"] == 1
    await old.acquire()
    assert old.get_stats()["total_events"] == 0


async def test_calls_are_counted_by_method(old: Any) -> None:
    labels = {"adapter": "unified_emitter", "method": "notify_tool_executing"}
    before = metrics.value("emitter_legacy_calls_total", **labels)
    await old.notify_tool_executing("search")
    assert metrics.value("emitter_legacy_calls_total", **labels) - before == 1


def test_tokens_add_up_and_the_tier_is_the_policys(old: Any) -> None:
    old.update_token_metrics(100, 20, 0.5, "plan")
    old.update_token_metrics(50, 30, 0.25)
    sums = old.get_token_metrics()
    assert (sums["total_operations"], sums["total_input_tokens"], sums["total_cost"]) == (2, 150, 0.75)
    assert sums["average_tokens_per_operation"] == 100
    assert old.is_priority_user() is False
    old.set_user_tier("enterprise")
    assert (old.get_user_tier(), old.is_priority_user()) == ("enterprise", True)


async def test_an_auth_event_says_whether_it_was_stored(context: Any, key: str) -> None:
    auth = AuthenticationWebSocketEmitter(None, key, context)
    assert await auth.emit_auth_event("auth_started", {"by": "ticket"}) is True
    assert await auth.emit_auth_event("ping", {}) is False
    assert await auth.emit_auth_event("auth_failed", "text") is False
    assert (await only_event(key))["type"] == "auth_started"
    stats = auth.get_auth_stats()
    assert (stats["auth_metrics"]["total_auth_events"], stats["auth_delivery_rate"]) == (2, 50)


def test_makers_want_a_user(context: Any, key: str) -> None:
    assert WebSocketEmitterFactory.create_scoped_emitter(None, context).user_id == key
    assert UnifiedWebSocketEmitter.for_user(None, key).get_context() is None
    assert isinstance(WebSocketEmitterFactory.create_auth_emitter(None, key), AuthenticationWebSocketEmitter)
    for make in (WebSocketEmitterFactory.create_scoped_emitter, UnifiedWebSocketEmitter.create_for_user):
        with pytest.raises(ValueError, match="no context that names a user"):
            make(None, None)


async def test_a_pool_keeps_one_emitter_a_user_and_lets_the_oldest_go() -> None:
    pool = WebSocketEmitterPool(None, max_size=2)
    first = await pool.acquire("a")
    await pool.acquire("b")
    assert await pool.acquire("a") is first
    await pool.acquire("c")
    assert await pool.acquire("a") is first
    await pool.release(first)
    counts = pool.get_statistics()
    assert (counts["pool_size"], counts["cache_hits"], counts["cache_misses"], counts["releases"]) == (2, 2, 3, 1)
    await pool.shutdown()
    assert pool.get_statistics()["pool_size"] == 0
