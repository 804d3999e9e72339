"""The vocabulary: what each event puts into its payload, and what is refused by name."""

from dataclasses import fields
from types import MappingProxyType
from typing import Any

import pytest

from emitter.errors import EventRefused
from emitter.events import (
    CONTROL_FRAMES,
    CRITICAL,
    FINAL,
    KNOWN_KEYS,
    KNOWN_TYPES,
    AgentCompleted,
    AgentDeath,
    AgentError,
    AgentStarted,
    AgentThinking,
    Custom,
    Event,
    ToolCompleted,
    ToolExecuting,
    Usage,
    check,
    named,
)

SEVEN: list[type] = [
    AgentStarted,
    AgentThinking,
    ToolExecuting,
    ToolCompleted,
    AgentCompleted,
    AgentError,
    AgentDeath,
]


def refusal(event_type: Any, payload: Any) -> str:
    """The code under which this is refused, or nothing."""
    try:
        check(event_type, payload)
    except EventRefused as error:
        return error.code
    return ""


def test_the_seven_have_their_names() -> None:
    assert [event.type for event in SEVEN] == [*CRITICAL, "agent_error", "agent_death"]
    assert {event.type for event in SEVEN[4:]} == FINAL


@pytest.mark.parametrize("event", SEVEN)
def test_a_dataclass_has_exactly_the_known_keys(event: type) -> None:
    assert [field.name for field in fields(event)] == list(KNOWN_KEYS[event.type])


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        (AgentStarted(), {}),
        (AgentThinking("Hm", 0), {"thought": "Hm", "step_number": 0}),
        (ToolExecuting("search", {"q": None}), {"tool_name": "search", "parameters": {"q": None}}),
        (ToolCompleted(result=[], execution_time_ms=1.5), {"result": [], "execution_time_ms": 1.5}),
        (AgentCompleted(), {"status": "completed"}),
        (AgentError("no", recoverable=False), {"error_message": "no", "recoverable": False}),
        (Custom("parcel_found", {"where": None}), {"where": None}),
    ],
)
def test_none_is_left_out_and_all_else_is_kept(event: Event, payload: dict[str, Any]) -> None:
    assert event.payload() == payload
    check(event.type, event.payload())


def test_usage_becomes_plain() -> None:
    usage = AgentCompleted(usage=Usage("gpt-5", 812, 64)).payload()["usage"]
    assert usage == {"model": "gpt-5", "input_tokens": 812, "output_tokens": 64}


def test_events_do_not_change() -> None:
    with pytest.raises(AttributeError):
        AgentThinking("Hm").thought = "Ah"  # type: ignore[misc]


@pytest.mark.parametrize("event_type", sorted(KNOWN_TYPES))
def test_no_known_key_is_required_null_fits_and_others_are_kept(event_type: str) -> None:
    assert refusal(event_type, {}) == ""
    assert refusal(event_type, dict.fromkeys(KNOWN_KEYS.get(event_type, {}))) == ""
    assert refusal(event_type, MappingProxyType({"own": object()})) == ""


@pytest.mark.parametrize(
    ("event_type", "payload"),
    [
        ("agent_started", {"message": 1}),
        ("agent_thinking", {"thought": ["a"]}),
        ("agent_thinking", {"step_number": "1"}),
        ("agent_thinking", {"step_number": True}),
        ("tool_executing", {"call_id": 7}),
        ("tool_completed", {"execution_time_ms": "fast"}),
        ("tool_completed", {"execution_time_ms": False}),
        ("agent_completed", {"usage": 12}),
        ("agent_completed", {"status": "failed"}),
        ("agent_completed", {"status": ["completed"]}),
        ("agent_error", {"recoverable": "no"}),
        ("agent_death", {"death_cause": {}}),
    ],
)
def test_a_known_key_of_another_type_is_refused(event_type: str, payload: dict[str, Any]) -> None:
    assert refusal(event_type, payload) == "bad_field"


@pytest.mark.parametrize("payload", [None, [], "text", 7, [("a", 1)]])
def test_a_payload_is_an_object(payload: Any) -> None:
    assert refusal("agent_thinking", payload) == "payload_not_object"


@pytest.mark.parametrize(
    "event_type", [*sorted(CONTROL_FRAMES), "", "7up", "two words", "x" * 65, "line\n", "Ünder", None, 7, ["agent"], {}]
)
def test_what_cannot_be_a_type(event_type: Any) -> None:
    assert refusal(event_type, {}) == "unknown_type"


@pytest.mark.parametrize("event_type", ["x", "team.parcel:found-2", "X" * 64])
def test_what_can_be_a_teams_own_type(event_type: str) -> None:
    assert refusal(event_type, {}) == ""


def test_from_outside_a_type_must_be_known_or_listed() -> None:
    own = frozenset({"parcel_found"})
    assert named("parcel_found", None, own) == Custom("parcel_found", {})
    assert named("agent_started", {"message": "Hi"}) == Custom("agent_started", {"message": "Hi"})
    for unknown in ("parcel_lost", "", None, ["agent_started"]):
        with pytest.raises(EventRefused, match=r"unknown_type.*agent_started.*parcel_found"):
            named(unknown, {}, own)
