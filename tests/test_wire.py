"""The bytes of ``agent-events.v1``, frame by frame: what changes here changes for every client."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter import wire
from emitter.errors import FrameError

from .test_payloads import encoded, payloads, texts

EVENT = (
    '{"type":"agent_thinking","seq":121,"id":"01929d1c-8f3a-7000-8000-000000000000","run_id":"run-19",'
    '"thread_id":"thread-7","agent_name":"analyst","timestamp":"2026-01-02T03:04:05.678Z",'
    '"payload":{"thought":"Reading the ledger","step_number":1}}'
)


def event(payload: dict[str, Any] | None = None, **fields: Any) -> str:
    if payload is None:
        payload = {"thought": "Reading the ledger", "step_number": 1}
    frame: dict[str, Any] = {
        "type": "agent_thinking",
        "seq": 121,
        "id": "01929d1c-8f3a-7000-8000-000000000000",
        "run_id": "run-19",
        "thread_id": "thread-7",
        "agent_name": "analyst",
        "timestamp": "2026-01-02T03:04:05.678Z",
        "payload": msgspec.Raw(encoded(payload)),
    }
    return wire.encode_event(wire.EventFrame(**{**frame, **fields}))


# What a server says ---------------------------------------------------------------------------------------------------


def test_event() -> None:
    assert event() == EVENT


def test_event_of_a_run_that_had_ended() -> None:
    assert event(after_end=True) == EVENT[:-1] + ',"after_end":true}'


def test_event_with_which_something_is_wrong() -> None:
    assert event(flags=("not_started",)) == EVENT[:-1] + ',"flags":["not_started"]}'
    assert wire.event_flags(event(flags=("not_started",))) == ("not_started",)


def test_hello() -> None:
    said = wire.hello(epoch="e1", head=128, after=120, heartbeat=25, credit_events=1_000, credit_bytes=1_048_576)
    assert said == (
        '{"type":"hello","protocol":1,"epoch":"e1","head":128,"after":120,"heartbeat":25,'
        '"credit":{"events":1000,"bytes":1048576}}'
    )


def test_batch() -> None:
    assert wire.batch([EVENT, EVENT]) == '{"type":"batch","events":[' + EVENT + "," + EVENT + "]}"


def test_position() -> None:
    assert wire.position(140) == '{"type":"position","seq":140}'


def test_gap() -> None:
    said = wire.gap(after=12, first=97, reason="pruned", epoch="e1")
    assert said == '{"type":"gap","after":12,"first":97,"reason":"pruned","epoch":"e1"}'


def test_error() -> None:
    said = wire.error("bad_ack", "Not “written” yet.")
    assert said == '{"type":"error","code":"bad_ack","detail":"Not “written” yet."}'


def test_ping() -> None:
    assert wire.ping() == '{"type":"ping"}'


def test_expiring() -> None:
    assert wire.expiring(25) == '{"type":"expiring","in":25}'


def test_a_plain_client_reads_the_epoch_beside_the_seq() -> None:
    assert wire.with_epoch(EVENT, "e1") == EVENT.replace('"seq":121,', '"seq":121,"epoch":"e1",')


@given(payloads, texts, texts)
def test_the_epoch_changes_nothing_else(payload: dict[str, Any], run: str, agent: str) -> None:
    body = event(payload, run_id=run, agent_name=agent)
    assert json.loads(wire.with_epoch(body, "e1")) == {**json.loads(body), "epoch": "e1"}


@given(payloads, texts)
def test_an_event_reads_back_as_it_was_said(payload: dict[str, Any], agent: str) -> None:
    read = json.loads(event(payload, agent_name=agent))
    assert (read["payload"], read["agent_name"]) == (payload, agent)


@given(st.lists(payloads, max_size=4))
def test_a_batch_reads_back_as_its_events(each: list[dict[str, Any]]) -> None:
    bodies = [event(payload) for payload in each]
    assert json.loads(wire.batch(bodies)) == {"type": "batch", "events": [json.loads(body) for body in bodies]}


# What a client says ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('{"type":"ack","seq":121}', wire.Ack(121)),
        ('{"type":"resume","epoch":"e1","after":120}', wire.Resume("e1", 120)),
        ('{"type":"auth","token":"a.b.c"}', wire.Auth("a.b.c")),
        ('{"type":"pong"}', wire.Pong()),
        ('{"type":"filter","types":["agent_completed"],"run_id":null}', wire.Filter(["agent_completed"])),
        ('{"type":"filter","run_id":"run-19"}', wire.Filter(None, "run-19")),
        ('{"type":"cancel","run_id":"run-19"}', wire.Cancel("run-19")),
    ],
)
def test_client_frame(text: str, frame: wire.ClientFrame) -> None:
    assert wire.decode_frame(text) == wire.decode_frame(text.encode()) == frame


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "7",
        '"ack"',
        "{}",
        '{"type":7}',
        '{"type":"ack"}',
        '{"type":"ack","seq":"1"}',
        '{"type":"ack","seq":1.5}',
        '{"type":"ack","seq":-1}',
        '{"type":"ack","seq":9223372036854775808}',
        '{"type":"ack","seq":1,"more":1}',
        '{"type":"filter","types":"agent_completed"}',
        '{"type":"auth","token":"' + "x" * 9_000 + '"}',
        "[" * 100_000,
        b"\xff\xfe",
    ],
    ids=lambda text: repr(text[:40]),
)
def test_what_is_no_frame_is_a_bad_one(text: str | bytes) -> None:
    with pytest.raises(FrameError) as caught:
        wire.decode_frame(text)
    assert caught.value.code == "bad_frame"


@pytest.mark.parametrize("text", ['{"type":"subscribe","to":"all"}', '{"type":"hello"}', '{"type":""}'])
def test_a_frame_of_another_protocol_is_unknown(text: str) -> None:
    with pytest.raises(FrameError) as caught:
        wire.decode_frame(text)
    assert caught.value.code == "unknown_frame"


@given(st.text() | st.binary())
def test_whatever_a_client_says_is_a_frame_or_a_named_error(said: str | bytes) -> None:
    try:
        frame = wire.decode_frame(said)
    except FrameError as error:
        assert error.code in {"bad_frame", "unknown_frame"}
    else:
        assert isinstance(frame, wire.ClientFrame)


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        (wire.Filter(), True),
        (wire.Filter(["agent_started", "agent_thinking"]), True),
        (wire.Filter(["agent_started"]), False),
        (wire.Filter([]), False),
        (wire.Filter(None, "run-19"), True),
        (wire.Filter(None, "run-1"), False),
        (wire.Filter(["agent_thinking"], "run-1"), False),
    ],
)
def test_a_filter_looks_at_type_and_run(wanted: wire.Filter, passes: bool) -> None:
    assert wire.passes(wanted, EVENT) is passes


@given(payloads)
def test_a_filter_is_not_misled_by_a_payload(payload: dict[str, Any]) -> None:
    body = event({"type": "agent_started", "run_id": "run-1", **payload})
    assert wire.passes(wire.Filter(["agent_thinking"], "run-19"), body)
