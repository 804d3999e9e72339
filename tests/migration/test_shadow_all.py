"""A shadow run over every method of every old face, with old senders that send what the old emitters sent."""

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
from emitter.migration.compare import EXPECTED, KINDS, Comparison
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
    """One old call in shadow mode; then everything is written down."""
    args = (context, *one.args[1:]) if one.method == "emit_event" else one.args
    await run(lambda: history.change(adapter, "shadow", by="alice"))
    answer = await getattr(face(adapter, context), one.method)(*args, **one.kwargs)
    await run(ledger.flush)
    return answer


def described(case: Any) -> str:
    return f"{case[0]}.{case[1].method}"


def test_the_cases_are_all_methods_of_all_faces() -> None:
    assert set(FACES) == set(ADAPTERS)
    for adapter, made in FACES.items():
        assert {one.method for name, one in CASES if name == adapter} >= set(rows(made))


@pytest.mark.parametrize("case", CASES, ids=described)
async def test_a_faithful_old_sender_shows_no_difference(case: Any, context: Any, configure: Any, met: Any) -> None:
    configure(LEGACY_SENDERS=SENDERS)
    adapter, one = case
    answer = await call(adapter, one, context)
    assert await run(lambda: list(ShadowDifference.objects.values_list("kind", "what", "old", "new"))) == []
    assert await run(Event.objects.exists) is False
    assert len(met) == 1
    assert met[0].expected <= set(EXPECTED)
    assert answer is (True if adapter == "agent_websocket_bridge" or one.method == "emit_auth_event" else None)


@pytest.mark.parametrize("case", [case for case in CASES if "_update" not in case[1].method[-7:]], ids=described)
async def test_one_field_that_is_another_is_found_everywhere(case: Any, context: Any, configure: Any, key: str) -> None:
    configure(LEGACY_SENDERS=dict.fromkeys(SENDERS, "tests.migration.old_wire.unfaithful"))
    adapter, one = case
    labels = {"adapter": adapter, "kind": "field"}
    before = metrics.value("emitter_shadow_differences_total", **labels)
    await call(adapter, one, context)
    (found,) = await run(lambda: list(ShadowDifference.objects.all()))
    assert (found.adapter, found.kind, found.what, found.stream) == (adapter, "field", "field colour", key)
    assert '"red"' in found.old
    assert '"red"' not in found.new
    assert metrics.value("emitter_shadow_differences_total", **labels) - before == 1
    assert found.kind in KINDS
