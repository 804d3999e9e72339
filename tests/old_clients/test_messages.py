"""What the older clients say, and what is understood."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter.errors import FrameError
from emitter.old_door.messages import (
    MESSAGE_BYTES,
    SILENT,
    STARTS,
    STOPS,
    TEXTS,
    Acknowledged,
    Message,
    Ping,
    Silent,
    Start,
    Stop,
    read,
)


def said(kind: object, **fields: object) -> Message:
    return read(msgspec.json.encode({"type": kind, **fields}))


def test_a_ping() -> None:
    assert said("ping", timestamp=1_767_323_045_678) == Ping()


@pytest.mark.parametrize("kind", sorted(STARTS))
@pytest.mark.parametrize("place", ["payload", "data", None])
@pytest.mark.parametrize("name", TEXTS)
def test_the_text_of_a_start_may_stand_in_many_places(kind, place, name) -> None:
    fields = {name: " Why? ", "thread_id": "t", "run_id": "cli_1_2_3"}
    assert said(kind, **({place: fields} if place else fields)) == Start("Why?", "t", "cli_1_2_3")


def test_the_payload_comes_before_the_data_and_the_top_level() -> None:
    texts = {"payload": {"query": "payload"}, "data": {"content": "data"}, "text": "top"}
    assert said("chat", **texts).text == "payload"
    assert said("chat", **{**texts, "payload": {"query": " "}}).text == "data"
    assert said("chat", **{**texts, "payload": None, "data": []}).text == "top"


def test_within_a_place_the_first_name_counts() -> None:
    assert (
        said("start_agent", payload=dict.fromkeys(reversed(TEXTS), "later") | {"user_request": "first"}).text == "first"
    )


@pytest.mark.parametrize("thread", [None, "", " ", 7, {}])
def test_what_is_no_thread_is_none(thread) -> None:
    assert said("start_agent", payload={"user_request": "Why?", "thread_id": thread}) == Start("Why?", None, None)


def test_a_start_may_lack_its_text() -> None:
    assert said("start_agent", payload={"user_request": ["no", "text"]}) == Start(None, None, None)


def test_a_stop_names_a_run_a_thread_or_nothing() -> None:
    assert said("stop_agent", payload={"run_id": "run-1"}) == Stop("run-1", None)
    assert said("stop_processing", data={"thread_id": "t"}) == Stop(None, "t")
    assert said("stop_agent") == Stop(None, None)


@pytest.mark.parametrize("kind", sorted(SILENT))
def test_what_is_taken_in_silence(kind) -> None:
    assert said(kind, payload={}) == Silent()


def test_the_acknowledgement_of_a_handshake() -> None:
    assert said("handshake_acknowledged", thread_id="t") == Acknowledged()


@pytest.mark.parametrize(
    "text", ["", "hello", "[]", "{}", '{"type":7}', b"\xff", "[" * 100_000, '"' + "x" * MESSAGE_BYTES]
)
def test_what_is_no_message_is_refused(text) -> None:
    with pytest.raises(FrameError) as refused:
        read(text)
    assert refused.value.code == "bad_frame"


def test_an_unknown_message_is_named() -> None:
    with pytest.raises(FrameError, match="'dance'") as refused:
        said("dance")
    assert refused.value.code == "unknown_frame"


@given(st.text() | st.binary() | st.from_type(dict[str, int]).map(msgspec.json.encode))
def test_anything_is_understood_or_refused(text) -> None:
    try:
        assert isinstance(read(text), Message)
    except FrameError as refused:
        assert refused.code in ("bad_frame", "unknown_frame")


@given(
    st.sampled_from(sorted(STARTS | STOPS)),
    st.dictionaries(
        st.sampled_from(["payload", "data", "thread_id", "run_id", *TEXTS]),
        st.none()
        | st.text()
        | st.lists(st.text())
        | st.dictionaries(st.sampled_from(TEXTS), st.text() | st.integers()),
    ),
)
def test_a_start_or_a_stop_with_any_fields_is_understood(kind, fields) -> None:
    assert isinstance(said(kind, **fields), Start | Stop)
