"""Who emits what, on small code bases and on this one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter.events import CRITICAL
from emitter.migration.audit import Verdict, audit
from emitter.migration.audit.facts import Module
from emitter.migration.audit.reading import read_text
from emitter.migration.audit.verdicts import judge

from .code_bases import LAYOUTS, found, owners
from .processes import PROJECT

FOUR = ["AgentWebSocketBridge", "TransparentWebSocketEmitter", "UnifiedWebSocketEmitter"]


@pytest.fixture(scope="module")
def before():
    return audit([str(LAYOUTS / "before")])


@pytest.fixture(scope="module")
def after():
    return audit([str(LAYOUTS / "after")])


@pytest.fixture(scope="module")
def ours():
    return audit([str(PROJECT / "emitter"), str(PROJECT / "netra_events")])


# The layouts that it exists for ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", CRITICAL)
def test_three_sources_before(before, event) -> None:
    assert owners(before.sources(event)) == FOUR


@pytest.mark.parametrize("event", CRITICAL)
def test_the_base_agent_delegates_before_and_after(before, after, event) -> None:
    assert "BaseAgent" in owners(before.of(Verdict.DELEGATES, event))
    assert "BaseAgent" in owners(after.of(Verdict.DELEGATES, event))


@pytest.mark.parametrize("event", CRITICAL)
def test_one_source_after_and_the_old_faces_delegate(after, event) -> None:
    assert owners(after.sources(event)) == ["Emitter"]
    assert {*FOUR} < {*owners(after.of(Verdict.DELEGATES, event))}


def test_a_place_is_named_by_file_line_and_symbol(before) -> None:
    (source,) = [one for one in before.sources("agent_thinking") if one.owner == "AgentWebSocketBridge"]
    assert source.path.endswith("before/app/services/agent_websocket_bridge.py")
    assert "async def notify_agent_thinking" in Path(source.path).read_text().splitlines()[source.line - 1]
    assert source.symbol == "AgentWebSocketBridge.notify_agent_thinking"


def test_methods_of_a_class_count_once(before) -> None:
    (source,) = [one for one in before.sources("agent_started") if one.owner == "UnifiedWebSocketEmitter"]
    assert source.symbol == "UnifiedWebSocketEmitter.emit_agent_started"
    assert [spot.symbol for spot in source.also] == ["UnifiedWebSocketEmitter.notify_agent_started"]


def test_who_checks_events_emits_none(before) -> None:
    assert [one for one in before.findings if "validator" in one.path] == []


def test_this_project_has_one_source(ours) -> None:
    assert ours.summary() == dict.fromkeys(CRITICAL, 1)
    assert {one.symbol for event in CRITICAL for one in ours.sources(event)} == {"Emitter.emit"}


def test_in_this_project_only_the_bell_sends_whatever_comes(ours) -> None:
    sends = [one.path for one in ours.findings if one.verdict is Verdict.TRANSPORT]
    assert sends
    assert [path for path in sends if "/emitter/bell/" not in path] == []


def test_whoever_uses_our_emitter_delegates(ours) -> None:
    delegates = found(ours, "delegates")
    assert delegates["DemoAgent._take"] == ["tool_executing", "tool_completed"]
    assert delegates["acancel"] == ["agent_completed"]


# Any event, any way ---------------------------------------------------------------------------------------------------


@given(
    event=st.sampled_from(CRITICAL),
    depth=st.integers(0, 4),
    key=st.sampled_from(["type", "event_type", "event"]),
    names=st.permutations(["message", "event", "data", "kind"]),
)
def test_an_event_is_followed_through_names_and_functions(event, depth, key, names) -> None:
    first, second, *_ = names
    functions = "".join(f"def _f{n}({first}):\n    {second} = {first}\n    _f{n + 1}({second})\n" for n in range(depth))
    text = f"{functions}def _f{depth}({second}):\n    layer.group_send('g', {second})\n"
    text += f"def source():\n    {first} = {{'{key}': '{event}'}}\n    _f0({first})\n"
    module = read_text("code.py", text.encode())
    assert isinstance(module, Module), module
    sources = [one for one in judge([module]) if one.verdict is Verdict.SOURCE]
    assert [(one.symbol, one.events) for one in sources] == [("source", [event])]
