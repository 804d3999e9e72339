"""The three shapes: what is added, and that nothing else changes. Literal texts, and properties over any payload."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter.events import FINAL, KNOWN_KEYS, KNOWN_TYPES
from emitter.old_door.shapes import INWARD, PAIRS, SHAPES, frames
from emitter.wire import EventFrame, encode_event

NAMES = sorted({name for pair in PAIRS for name in pair} | {key for keys in KNOWN_KEYS.values() for key in keys})
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PAYLOADS = st.dictionaries(st.sampled_from([*NAMES, "message_id", "user_id"]) | st.text(max_size=8), VALUES, max_size=8)


def event(kind: str, payload: object, **fields: Any) -> str:
    """The stored text of an event."""
    raw = msgspec.Raw(payload if isinstance(payload, bytes) else msgspec.json.encode(payload))
    base = {"seq": 7, "id": "0192", "run_id": "run-1", "thread_id": "t", "agent_name": "analyst", "timestamp": "T"}
    return encode_event(EventFrame(**{"type": kind, **base, **fields}, payload=raw))


EVENTS = st.builds(event, st.sampled_from(sorted(KNOWN_TYPES)), PAYLOADS, after_end=st.booleans())


def inner(frame: dict[str, Any], shape: str) -> dict[str, Any]:
    return frame["data" if shape == "data" else "payload"]


@given(EVENTS, st.sampled_from(sorted(SHAPES)), st.booleans())
def test_every_event_has_both_names_and_its_id(body, shape, page) -> None:
    payload = inner(msgspec.json.decode(frames(body, shape, page=page)[0]), shape)
    assert payload["message_id"] == "0192"
    assert {"agent", "agent_name"} <= payload.keys()
    assert all((one in payload) == (other in payload) for one, other in PAIRS)


@given(EVENTS, st.sampled_from(sorted(SHAPES)), st.booleans())
def test_nothing_that_was_there_is_changed(body, shape, page) -> None:
    source = msgspec.json.decode(body)
    payload = inner(msgspec.json.decode(frames(body, shape, page=page)[0]), shape)
    assert {**payload, **source["payload"], "message_id": "0192"} == payload
    added = payload.keys() - source["payload"].keys()
    assert added <= {name for pair in PAIRS for name in pair} | {"message_id", "final_response", *INWARD}


@given(EVENTS, st.booleans())
def test_the_flat_top_level_is_the_events_own(body, page) -> None:
    source, frame = msgspec.json.decode(body), msgspec.json.decode(frames(body, "flat", page=page)[0])
    assert {**frame, "payload": None} == {**source, "payload": None}


@given(EVENTS, st.sampled_from(sorted(SHAPES)))
def test_a_page_hears_the_end_of_a_run_once_under_an_id_of_its_own(body, shape) -> None:
    source, (_, *ending) = msgspec.json.decode(body), map(msgspec.json.decode, frames(body, shape, page=True))
    assert len(ending) == (source["type"] in FINAL and "after_end" not in source)
    for frame in ending:
        assert frame["type"] == ("final_report" if source["type"] == "agent_completed" else "error")
        assert frame["payload"]["message_id"].startswith("0192:")
        assert "id" not in frame
        assert "seq" not in frame


@given(EVENTS, st.sampled_from(sorted(SHAPES)))
def test_other_clients_get_one_frame_an_event(body, shape) -> None:
    assert len(frames(body, shape, page=False)) == 1


IDS = '"run_id":"run-1","thread_id":"t"'
THOUGHT = '"thought":"Hm","agent_name":"analyst","reasoning":"Hm","agent":"analyst","message_id":"0192"'


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        (
            "flat",
            f'{{"type":"agent_thinking","seq":7,"id":"0192",{IDS},"agent_name":"analyst","timestamp":"T",'
            f'"payload":{{{THOUGHT}}}}}',
        ),
        (
            "system_message",
            f'{{"type":"system_message","event":"agent_thinking","payload":{{{IDS},"timestamp":"T",{THOUGHT}}}}}',
        ),
        ("data", f'{{"type":"agent_thinking","data":{{{IDS},"timestamp":"T",{THOUGHT}}}}}'),
    ],
)
def test_a_thought_in_each_shape(shape, text) -> None:
    assert frames(event("agent_thinking", {"thought": "Hm"}), shape, page=True) == [text]


def test_a_value_keeps_every_digit() -> None:
    body = event("tool_completed", b'{"result":123456789012345678901234567890.10,"tool":"add"}')
    assert '"result":123456789012345678901234567890.10,"tool":"add"' in frames(body, "flat", page=True)[0]


def test_an_id_that_an_agent_gave_is_not_taken_for_the_events() -> None:
    told = msgspec.json.decode(frames(event("progress_update", {"message_id": "chat-1"}), "flat", page=True)[0])
    assert told["payload"]["message_id"] == "0192"


REPORTS = [
    ({"result": "Sixty."}, "Sixty."),
    ({"result": {"answer": "Sixty."}}, "Sixty."),
    ({"result": {"answer": 60}}, '{"answer":60}'),
    ({"result": [1.50]}, "[1.5]"),
    ({"result": 60}, "60"),
    ({"result": None}, "The run has ended without a result."),
    ({}, "The run has ended without a result."),
    ({"status": "cancelled"}, "The run was stopped."),
]


@pytest.mark.parametrize(("payload", "words"), REPORTS, ids=str)
def test_the_answer_in_words(payload, words) -> None:
    body = event("agent_completed", payload)
    report = msgspec.json.decode(frames(body, "flat", page=True)[1])["payload"]
    assert report["report"] == report["executive_summary"] == words
    assert msgspec.json.decode(frames(body, "flat", page=False)[0])["payload"]["final_response"] == words


def test_a_report_says_how_long_and_sums_up() -> None:
    long = "First. " * 100 + "\n\nSecond."
    body = event("agent_completed", {"result": long, "execution_time_ms": 12.5})
    report = msgspec.json.decode(frames(body, "data", page=True)[1])["payload"]
    assert (report["report"], report["total_duration_ms"], len(report["executive_summary"])) == (long, 12.5, 280)


@pytest.mark.parametrize(
    ("kind", "payload", "words"),
    [
        ("agent_error", {"error_message": "No ledger."}, "No ledger."),
        ("agent_death", {"death_cause": "worker_lost", "message": "The worker is gone."}, "The worker is gone."),
        ("agent_death", {"death_cause": "worker_lost"}, "worker_lost"),
        ("agent_error", {"error_message": None}, "The run has ended in an error."),
    ],
)
def test_an_error_ends_the_spinner_in_words(kind, payload, words) -> None:
    ending = msgspec.json.decode(frames(event(kind, payload), "system_message", page=True)[1])
    assert (ending["type"], ending["payload"]["error_message"]) == ("error", words)


def test_what_comes_after_the_end_ends_nothing() -> None:
    assert len(frames(event("agent_completed", {"result": "Late"}, after_end=True), "flat", page=True)) == 1
