"""The comparison: what means the same is the same in every shape, and what does not is found."""

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from emitter.events import KNOWN_TYPES
from emitter.migration.compare import ABSENT, EXPECTED, KINDS, Comparison, Difference, compare
from emitter.migration.shapes import ENVELOPE, NAMES, NESTED, Said, Unreadable, read_event, read_frame

from ..test_payloads import texts, values

types = st.sampled_from(sorted(KNOWN_TYPES | {"parcel_found"}))
taken = ENVELOPE | set(NESTED) | {"data", "payload", "event", "message", "trace", "user_tier"}
names = texts.filter(lambda name: name not in taken)
fields = st.dictionaries(names, values.filter(lambda value: value is not None), max_size=5)
shapes = st.sampled_from(["bridge", "manager", "flat"])
AT = "2026-01-02T03:04:05+00:00"


def framed(shape: str, event_type: str, said: dict[str, Any]) -> dict[str, Any]:
    """A frame as the old emitter of a shape built it."""
    if shape == "bridge":
        return {"type": event_type, "run_id": "r", "agent_name": "a", "timestamp": AT, "payload": said}
    if shape == "manager":
        data = {**said, "run_id": "r", "thread_id": "t", "agent_name": "a", "timestamp": 1767323045.0}
        return {"type": event_type, "data": data, "timestamp": AT, "critical": True, "attempt": None}
    return {**said, "type": event_type, "timestamp": AT, "user_id": "42", "request_id": "q", "metadata": {}}


def event(event_type: str, payload: dict[str, Any]) -> Said:
    return read_event("42", "r", "a", event_type, payload)


def compared(frame: Any, new: Said | None, user: str | None = "42", **options: Any) -> Comparison:
    return compare([read_frame(user, frame)], new, **options)


def kinds(comparison: Comparison) -> list[str]:
    return [str(difference) for difference in comparison.differences]


@given(shapes, types, fields)
def test_one_payload_is_the_same_in_every_shape(shape: str, event_type: str, said: dict[str, Any]) -> None:
    assert compared(framed(shape, event_type, said), event(event_type, said)) == Comparison([], frozenset())


@given(shapes, types, fields)
def test_text_and_object_of_a_frame_are_one(shape: str, event_type: str, said: dict[str, Any]) -> None:
    frame = framed(shape, event_type, said)
    assert read_frame("42", json.dumps(frame)) == read_frame("42", frame)


@given(shapes, types, fields.filter(bool), st.data())
def test_a_field_that_is_missing_on_either_side_is_found(shape: str, event_type: str, said: Any, data: Any) -> None:
    left_out = data.draw(st.sampled_from(sorted(said)))
    fewer = {key: value for key, value in said.items() if key != left_out}
    assume(event(event_type, fewer).fields != event(event_type, said).fields)
    assert compared(framed(shape, event_type, fewer), event(event_type, said)).differences
    assert compared(framed(shape, event_type, said), event(event_type, fewer)).differences


@given(shapes, types, names, values, values)
def test_another_value_is_found_unless_it_is_expected(shape: str, event_type: str, name: str, a: Any, b: Any) -> None:
    assume(a != b or json.dumps(a) == json.dumps(b))  # To Python False is 0, and to JSON it is not.
    met = compared(framed(shape, event_type, {name: a}), event(event_type, {name: b}))
    same = read_frame("42", framed(shape, event_type, {name: a})).fields == event(event_type, {name: b}).fields
    assert bool(met.differences) is not (json.dumps(a) == json.dumps(b) or same or bool(met.expected))


@given(st.lists(st.builds(Said, st.just("flat"), types, st.none(), st.none(), st.none(), fields)), st.booleans())
def test_whatever_is_compared_has_a_name(old: list[Said], silent: bool) -> None:
    met = compare(old, event("agent_thinking", {"thought": "Hm"}), silence="unsent" if silent else "")
    assert {difference.kind for difference in met.differences} <= set(KINDS)
    assert met.expected <= set(EXPECTED)


@pytest.mark.parametrize("event_type", NAMES)
def test_old_names_are_the_emitters(event_type: str) -> None:
    for old, new in NAMES[event_type].items():
        met = compared(framed("bridge", event_type, {old: "x"}), event(event_type, {new: "x"}))
        assert met.differences == []


def test_what_was_nested_stands_beside_the_rest_and_the_outer_wins() -> None:
    frame = framed("manager", "agent_completed", {"status": "completed", "metadata": {"answer": 42, "status": "x"}})
    payload = {"status": "completed", "result": {"answer": 42}, "metadata": {}, "legacy": {"status": "y"}}
    assert compared(frame, event("agent_completed", payload)).differences == []


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("[REDACTED]", "hunter2", "redaction"),
        ("Bearer [REDACTED] sent", "Bearer abc sent", "redaction"),
        ("in [PATH]/x", "in /home/x", "redaction"),
        ({"api_key": "[REDACTED]"}, {"api_key": {"id": 7}}, "redaction"),
        ("abc...", "abcdef", "shortening"),
        ("abcdef", "abc… [3 more characters]", "shortening"),
        ([1, 2, "...(truncated)"], [1, 2, 3, 4], "shortening"),
        ([1, 2, "...(truncated)"], [1, 2, 3], "shortening"),
        ("in [PATH]/x/" + "y" * 9 + "...", "in /home/x/" + "y" * 8 + "...", "shortening"),
        (1767323045.0, AT, "time"),
        ("2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", "time"),
    ],
)
def test_what_says_the_same_is_expected(old: Any, new: Any, why: str) -> None:
    met = compared(framed("bridge", "parcel_found", {"at": old}), event("parcel_found", {"at": new}))
    assert met == Comparison([], frozenset({why}))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (1, True),
        (0, False),
        ("1", 1),
        ("a [REDACTED] b", "a x c"),
        ("[PATH]/x[PATH]/y", "/home/x"),
        ("abc...", "abd"),
        ([1, 2, "...(truncated)"], [1, 3, 4]),
        ([1, 2, "...(truncated)"], [1]),
        ([1, 2], [2, 1]),
        (1767323045.0, "2026-01-02T03:04:06Z"),
        ({}, []),
        ("", None),
    ],
)
def test_what_looks_alike_and_is_not_is_found(old: Any, new: Any) -> None:
    assert compared(framed("bridge", "parcel_found", {"at": old}), event("parcel_found", {"at": new})).differences


def test_sentences_of_the_old_senders_are_expected_and_those_of_callers_are_not() -> None:
    old, new = {"message": "Wait…"}, event("service_ready", {"message": "It is ready."})
    assert compared(framed("flat", "service_ready", old), new).expected == {"wording"}
    assert kinds(compared(framed("manager", "service_ready", old), new)) == ["field message"]
    assert kinds(compared(framed("flat", "service_ready", {}), new)) == ["field message"]


def test_each_thing_of_the_envelope_is_compared_where_the_frame_names_it() -> None:
    frame = framed("bridge", "agent_thinking", {"thought": "Hm"})
    said = {"thought": "Hm"}
    assert kinds(compared(frame, read_event("7", "s", "b", "agent_started", said))) == ["type", "user", "run", "agent"]
    assert kinds(compared(frame, read_event("7", "r", "a", "agent_thinking", said), user=None)) == []
    assert kinds(compared({"type": "t"}, read_event("42", "s", "b", "t", {}))) == []


def test_a_flat_frame_whose_data_went_over_its_own_names() -> None:
    frame = {"type": "other", "run_id": "else", "timestamp": AT, "tool": "search"}
    met = compared(frame, event("tool_executing", {"tool_name": "search", "type": "other", "run_id": "else"}))
    assert met == Comparison([], frozenset({"overwritten"}))
    assert kinds(compared(frame, event("tool_executing", {"tool_name": "search"}))) == ["type", "run"]


def test_frames_too_few_too_many_and_twice() -> None:
    said, new = read_frame("42", framed("bridge", "t", {})), event("t", {})
    other = read_frame("42", framed("bridge", "u", {}))
    assert compare([said, said], new) == Comparison([], frozenset({"retried"}))
    assert kinds(compare([], new)) == ["missing"]
    assert compare([], new, silence="unsent") == Comparison((), frozenset({"unsent"}))
    assert kinds(compare([other, said], new)) == kinds(compare([other], None)) == ["extra"]
    assert compare([], None) == Comparison([], frozenset())


def test_the_tier_is_the_policys_and_the_emitter_may_say_more() -> None:
    frame = {**framed("flat", "agent_error", {}), "metadata": {"user_tier": "early"}}
    new = event("agent_error", {"metadata": {"user_tier": "free"}, "error_type": "Lookup"})
    assert compared(frame, new) == Comparison([], frozenset({"tier", "added"}))
    assert kinds(compared(framed("flat", "agent_error", {"error_type": "x"}), new)) == ["field error_type"]


def test_a_team_can_declare_fields() -> None:
    frame, new = framed("flat", "service_degraded", {"reason": "a", "x": {"y": 1}}), event("service_degraded", {})
    assert kinds(compared(frame, new)) == ["field reason", "field x"]
    assert compared(frame, new, declared=["service_degraded.reason", "*.x"]).expected == {"declared"}


@pytest.mark.parametrize(
    "frame", [None, [], "text", b"\xff", 7, {}, {"type": 7}, '{"type":', {"type": "system_message"}]
)
def test_what_is_no_frame_is_said_to_be_none(frame: Any) -> None:
    with pytest.raises(Unreadable):
        read_frame("42", frame)


def test_a_frame_of_the_old_clients_door_is_read() -> None:
    frame = {"type": "system_message", "event": "agent_thinking", "payload": {"reasoning": "Hm"}}
    assert compared(frame, event("agent_thinking", {"thought": "Hm"})).differences == []


def test_a_difference_reads_as_a_person_would_say_it() -> None:
    assert str(Difference("field", "result.hits[0]", 1, ABSENT)) == "field result.hits[0]"
    assert (str(Difference("user")), repr(ABSENT)) == ("user", "absent")
