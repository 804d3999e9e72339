"""What all old faces share: one warning, one seam, every failure counted and logged without its payload."""

import subprocess
import sys
import warnings
from functools import reduce
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction

from emitter import metrics
from emitter.adapters import call, deprecation
from emitter.adapters.agent_websocket_bridge import AgentWebSocketBridge
from emitter.adapters.unified_emitter import UnifiedWebSocketEmitter
from emitter.context import RunContext
from emitter.events import AgentStarted
from emitter.models import Event
from emitter.service import emitter

from ..processes import PROJECT
from .rows import events, failures

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def old(key: str) -> UnifiedWebSocketEmitter:
    return UnifiedWebSocketEmitter(None, key)


def test_it_warns_once_at_the_place_that_uses_it(monkeypatch: Any) -> None:
    monkeypatch.setattr(deprecation, "_said", set())
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        UnifiedWebSocketEmitter(None, "42")
        UnifiedWebSocketEmitter.for_user(None, "42")
    (warning,) = said
    assert warning.category is DeprecationWarning
    assert "emitter.adapters.unified_emitter" in str(warning.message)
    assert warning.filename == __file__
    lines = (PROJECT / "tests" / "adapters" / "test_call.py").read_text().splitlines()
    assert lines[warning.lineno - 1].strip() == 'UnifiedWebSocketEmitter(None, "42")'


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("unified_emitter.WebSocketEmitterFactory.create_emitter", (None, "42")),
        ("agent_websocket_bridge.create_agent_websocket_bridge", ()),
        ("base_agent.BaseAgent.create_legacy_with_warnings", ()),
        ("base_agent.WebSocketBridgeAdapter", ()),
        ("transparent_websocket_events.TransparentWebSocketBridge", (SimpleNamespace(user_id="42", request_id="r"),)),
        ("context.UserContextFactory.create_context", ("user-42", "thread_7", "run-19")),
    ],
)
def test_every_face_warns_at_its_callers_place(path: str, arguments: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(deprecation, "_said", set())
    module, *names = path.split(".")
    make = reduce(getattr, names, import_module(f"emitter.adapters.{module}"))
    with pytest.warns(DeprecationWarning, match=f"emitter.adapters.{module} ") as said:
        assert len([make(*arguments) for _ in range(2)]) == 2
    ours = [warning for warning in said if "emitter.adapters" in str(warning.message)]
    assert [warning.filename for warning in ours] == [__file__]


def test_the_place_is_the_callers_behind_a_subclass_and_a_maker(monkeypatch: Any) -> None:
    class Ours(UnifiedWebSocketEmitter):
        pass

    for make in (Ours, Ours.for_user):
        monkeypatch.setattr(deprecation, "_said", set())
        with pytest.warns(DeprecationWarning, match="docs/adapters.md") as said:
            make(None, "42")
        assert [warning.filename for warning in said] == [__file__]


async def test_arguments_that_nobody_could_take_raise_as_ever(old: Any) -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'agent_name'"):
        await old.notify_agent_started()
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        await old.notify_agent_started("analyst", colour="red")


async def test_a_fault_of_a_translation_is_counted_and_says_no_more_than_its_kind(old: Any, caplog: Any) -> None:
    before = failures("unified_emitter", "adapter_failed")
    await old.notify_agent_started("analyst", metadata="hunter2")
    assert failures("unified_emitter", "adapter_failed") - before == 1
    assert "adapter_failed: unified_emitter.notify_agent_started was not stored" in caplog.text
    assert "TypeError" in caplog.text
    assert "hunter2" not in caplog.text


async def test_a_refusal_is_logged_with_code_run_and_event_and_without_its_payload(caplog: Any, db: None) -> None:
    stranger = UnifiedWebSocketEmitter(None, "nobody")
    await stranger.emit_agent_started({"run_id": "run-19", "message": "hunter2"})
    (record,) = [record for record in caplog.records if record.message.startswith("unknown_user: unified_emitter")]
    assert "run 'run-19', event 01" in record.message
    assert "hunter2" not in caplog.text


async def test_every_call_passes_the_one_seam(old: Any, key: str, monkeypatch: Any) -> None:
    seen = []

    async def switched(one: call.Call[Any]) -> Any:
        seen.append((one.face, one.method, one.args, one.kwargs, await one.understood()))
        return one.success

    monkeypatch.setattr(call, "deliver", switched)
    await old.notify_tool_executing("search", metadata={})
    ((face, method, args, kwargs, item),) = seen
    assert (face, method, args, kwargs) == (old, "notify_tool_executing", ("search",), {"metadata": {}})
    assert (item.context.user_id, item.event.type) == (key, "tool_executing")
    assert await events(key) == []


def test_rows_are_what_the_metric_counts() -> None:
    rows = call.rows(UnifiedWebSocketEmitter)
    assert set(rows) >= {"emit_agent_started", "notify_custom"}
    assert not {"emit", "acquire", "cleanup"} & set(rows)
    assert metrics.value("emitter_legacy_calls_total", adapter="unified_emitter", method="emit") == 0


def test_nothing_is_loaded_by_who_does_not_use_it() -> None:
    script = (
        "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'netra_events.settings'; django.setup();"
        "import sys, netra_events.asgi; assert not [name for name in sys.modules if 'emitter.adapters' in name]"
    )
    subprocess.run([sys.executable, "-W", "error::DeprecationWarning", "-c", script], check=True, cwd=PROJECT)


def test_inside_a_callers_transaction_an_old_call_vanishes_with_it(key: str) -> None:
    started = async_to_sync(UnifiedWebSocketEmitter(None, key).notify_agent_started)
    with transaction.atomic():
        started("analyst")
        assert Event.objects.filter(stream=key).count() == 1
        transaction.set_rollback(True)
    assert not Event.objects.filter(stream=key).exists()


def test_a_bridge_finds_a_run_that_the_same_transaction_has_begun(key: str) -> None:
    bridge = AgentWebSocketBridge()
    with transaction.atomic():
        emitter.emit(RunContext(key, run_id="run-19"), AgentStarted())
        assert async_to_sync(bridge.notify_agent_thinking)("run-19", "analyst", "Hm") is True
    assert Event.objects.filter(stream=key).count() == 2
