"""A shadow run over every method of every old face, with old senders that send what the old emitters sent."""

import copy
from typing import Any

import pytest

from emitter import metrics
from emitter.adapters.agent_websocket_bridge import AgentWebSocketBridge
from emitter.adapters.base_agent import BaseAgent
from emitter.adapters.call import rows
from emitter.adapters.context import UserExecutionContext
from emitter.adapters.transparent_websocket_events import TransparentWebSocketEmitter
from emitter.adapters.unified_emitter import AuthenticationWebSocketEmitter
from emitter.blocking import run
from emitter.migration import compare as module
from emitter.migration import history, shadow
from emitter.migration.compare import NEVER_SENT, Comparison
from emitter.migration.ledger import ledger
from emitter.migration.modes import ADAPTERS
from emitter.models import Event, ShadowDifference

from ..adapters import (
    test_agent_websocket_bridge,
    test_base_agent,
    test_transparent_websocket_events,
    test_unified_emitter,
)
from ..adapters.rows import Row, row
from .old_wire import SENDERS

pytestmark = pytest.mark.django_db(transaction=True)
BRIDGES = "agent_websocket_bridge"
BRIDGE = test_agent_websocket_bridge.RUN
MORE = [
    ("unified_emitter", row("emit_auth_event", "auth_started", {"by": "ticket"}, becomes="", payload={})),
    ("unified_emitter", row("notify_agent_thinking", "a", None, "Hm", 1, {"note": "n"}, becomes="", payload={})),
    ("unified_emitter", row("notify_custom", "parcel_found", {"at": {"shelf": None}}, becomes="", payload={})),
    (
        "agent_websocket_bridge",
        row("notify_tool_executing", *BRIDGE, "s", {"api_key": "k", "q": {"token": "t"}}, becomes="", payload={}),
    ),
    (
        "agent_websocket_bridge",
        row("notify_agent_error", *BRIDGE, "no /home/a/b in /Users/c" + "x" * 400, becomes="", payload={}),
    ),
    ("agent_websocket_bridge", row("emit_event", None, "parcel_found", {"at": 1}, becomes="", payload={})),
    ("agent_websocket_bridge", row("notify_tool_completed", *BRIDGE, "search", becomes="", payload={})),
    ("base_agent", row("emit_error", "No", "Lookup", becomes="", payload={})),
    ("base_agent", row("emit_agent_completed", becomes="", payload={})),
]
CASES: list[tuple[str, Row]] = [
    *(("unified_emitter", one) for one in test_unified_emitter.ROWS),
    *(("agent_websocket_bridge", one) for one in test_agent_websocket_bridge.ROWS),
    *(("base_agent", one) for one in [*test_base_agent.ROWS, *test_base_agent.UPDATES]),
    *(("transparent_websocket_events", one) for one in test_transparent_websocket_events.ROWS),
    *MORE,
]
FACES: dict[str, Any] = {
    "unified_emitter": AuthenticationWebSocketEmitter,
    "agent_websocket_bridge": AgentWebSocketBridge,
    "base_agent": BaseAgent,
    "transparent_websocket_events": TransparentWebSocketEmitter,
}


#: The documented differences that these calls meet.
MET: dict[str, set[str]] = {
    "unified_emitter": set(),
    "agent_websocket_bridge": {"wording", "added", "redaction", "shortening", "overwritten"},
    "base_agent": {"wording", "added", "revived"},
    "transparent_websocket_events": {"wording"},
}


@pytest.fixture
def alice(db: None, django_user_model: Any) -> Any:
    return django_user_model.objects.create(pk=4711, username="alice")


@pytest.fixture
def context(key: str) -> UserExecutionContext:
    return UserExecutionContext(key, "thread_7", "run-19", "request-3")


@pytest.fixture
def met(monkeypatch: Any) -> list[Comparison]:
    """The comparisons of the test."""
    made: list[Comparison] = []

    def compare(*args: Any, **kwargs: Any) -> Comparison:
        made.append(module.compare(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(shadow, "compare", compare)
    return made


def face(adapter: str, context: Any) -> Any:
    if adapter == "unified_emitter":
        return AuthenticationWebSocketEmitter(None, context.user_id, context)
    if adapter == "base_agent":
        agent = BaseAgent(name="analyst")
        agent.set_websocket_bridge(AgentWebSocketBridge(context), "run-19")
        return agent
    return FACES[adapter](context)


async def call(adapter: str, one: Row, context: Any) -> Any:
    """One old call on a face of its own."""
    args = (context, *one.args[1:]) if one.method == "emit_event" else one.args
    return await getattr(face(adapter, context), one.method)(*copy.deepcopy(args), **copy.deepcopy(one.kwargs))


async def differences() -> list[tuple[str, str]]:
    """What was found, in order; then nothing."""

    def read() -> list[tuple[str, str]]:
        ledger.flush()
        rows = ShadowDifference.objects.order_by("id")
        found = [(row.method, row.what) for row in rows]
        rows.delete()
        return found

    return await run(read)


def test_the_cases_are_all_methods_of_all_faces() -> None:
    assert set(FACES) == set(ADAPTERS)
    for adapter, made in FACES.items():
        assert {one.method for name, one in CASES if name == adapter} >= set(rows(made))


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_a_faithful_old_sender_shows_no_difference(
    adapter: str, context: Any, configure: Any, met: list[Comparison]
) -> None:
    configure(LEGACY_SENDERS=SENDERS, SHADOW_LIMIT=None)
    await run(lambda: history.change(adapter, "shadow", by="alice"))
    cases = [one for name, one in CASES if name == adapter]
    for one in cases:
        answer = await call(adapter, one, context)
        assert answer is (True if adapter == BRIDGES or one.method == "emit_auth_event" else None)
        assert (one.method, await differences()) == (one.method, [])
    assert len(met) == len(cases)
    assert {name for comparison in met for name in comparison.expected} == MET[adapter]
    assert await run(Event.objects.exists) is False


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_one_field_that_is_another_is_found_everywhere(adapter: str, context: Any, configure: Any) -> None:
    configure(LEGACY_SENDERS=dict.fromkeys(SENDERS, "tests.migration.old_wire.unfaithful"), SHADOW_LIMIT=None)
    await run(lambda: history.change(adapter, "shadow", by="alice"))
    cases = [one for name, one in CASES if name == adapter and one.method not in NEVER_SENT]
    labels = {"adapter": adapter, "kind": "field"}
    before = metrics.value("emitter_shadow_differences_total", **labels)
    for one in cases:
        await call(adapter, one, context)
        ((_, what),) = await differences()
        assert (one.method, what) == (one.method, "field colour")
    assert metrics.value("emitter_shadow_differences_total", **labels) - before == len(cases)


async def test_both_sides_are_stored_with_whom_they_concern(context: Any, configure: Any, key: str) -> None:
    configure(LEGACY_SENDERS=dict.fromkeys(SENDERS, "tests.migration.old_wire.unfaithful"))
    await run(lambda: history.change(BRIDGES, "shadow", by="alice"))
    await AgentWebSocketBridge(context).notify_tool_executing("run-19", "analyst", "search", {"password": "hunter2"})
    await run(ledger.flush)
    found = await run(ShadowDifference.objects.get)
    assert (found.kind, found.stream, found.run) == ("field", key, "run-19")
    assert '"colour":"red"' in found.old
    assert '"tool_name":"search"' in found.new
    assert "hunter2" not in found.old + found.new
