"""Whose event it is: ids that are safe everywhere they go."""

from datetime import UTC, datetime
from typing import Any
from unicodedata import category
from uuid import UUID, uuid1, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from emitter.context import ID_LENGTH, RunContext, check_event_id, check_id, minted_at
from emitter.errors import EventRefused

GOOD = ["42", "tenant:7", "a@b.example", "two words", "Zoë", "用户", "🙂", "x" * ID_LENGTH]
BAD: list[Any] = [
    "",
    " ",
    " padded",
    "padded\u00a0",
    "x" * (ID_LENGTH + 1),
    "nul\x00",
    "tab\tin",
    "line\nbreak",
    "delete\x7f",
    "next\x85line",
    "line\u2028separator",
    "half\ud83d",
    b"bytes",
    7,
    None,
    ["42"],
]


@pytest.mark.parametrize("value", GOOD)
def test_a_good_id_is_returned_as_it_is(value: str) -> None:
    assert check_id("user_id", value) == value


@pytest.mark.parametrize("value", BAD)
def test_a_bad_id_is_refused_and_named(value: Any) -> None:
    with pytest.raises(EventRefused, match="bad_id: run_id "):
        check_id("run_id", value)


@pytest.mark.parametrize("part", ["user_id", "thread_id", "run_id", "agent_name"])
def test_each_part_of_a_context_is_checked(part: str) -> None:
    parts = {"user_id": "42", "thread_id": "t", "run_id": "r", "agent_name": "analyst", part: "nul\x00"}
    with pytest.raises(EventRefused, match=part):
        RunContext(**parts)


@given(st.text())
def test_what_passes_is_safe_as_text_and_in_logs(value: str) -> None:
    try:
        check_id("user_id", value)
    except EventRefused:
        return
    assert value.encode().decode() == value
    assert len(value.splitlines()) == 1
    assert {category(char) for char in value}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})


def test_a_context_has_its_defaults_and_does_not_change() -> None:
    context = RunContext("42", run_id="r")
    assert (context.thread_id, context.agent_name) == (None, "agent")
    with pytest.raises(AttributeError):
        context.user_id = "43"  # type: ignore[misc]


def test_a_context_without_a_run_is_refused() -> None:
    with pytest.raises(EventRefused, match="run_id must have 1 to 200 characters"):
        RunContext("42")


def test_an_event_id_is_a_uuid7_or_its_text() -> None:
    event_id = uuid7()
    assert check_event_id(event_id) == check_event_id(str(event_id)) == check_event_id(event_id.hex) == event_id


@pytest.mark.parametrize("value", ["", "x", uuid4(), str(uuid1()), UUID(int=7 << 76), 7, None, b"x" * 16])
def test_any_other_event_id_is_refused(value: Any) -> None:
    with pytest.raises(EventRefused, match="bad_event_id"):
        check_event_id(value)


def test_an_event_id_says_when_it_was_made() -> None:
    of_the_rfc = UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
    assert datetime.fromtimestamp(minted_at(of_the_rfc), UTC) == datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)


def test_a_source_is_one_of_the_closed_set() -> None:
    assert RunContext("42", run_id="r").source == "emitter"
    assert RunContext("42", run_id="r", source="base_agent").source == "base_agent"
    with pytest.raises(EventRefused, match="bad_field: source"):
        RunContext("42", run_id="r", source="somewhere")
