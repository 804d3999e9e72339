"""What an event tells of tokens, by the shapes that its payload may have."""

from typing import Any

import pytest

from emitter.errors import EventRefused
from emitter.events import Usage
from emitter.log.entry import Reported
from emitter.metering.usage import reported_by

CALL = {"model": "gpt-5", "input_tokens": 812, "output_tokens": 64}
USE = Usage("gpt-5", 812, 64)


def read(usage: Any, event_type: str = "agent_thinking") -> Reported | None:
    return reported_by(event_type, {"usage": usage})


@pytest.mark.parametrize(
    ("usage", "calls"),
    [
        (CALL, [USE]),
        ({**CALL, "cached": True, "total_tokens": 876}, [USE]),
        ({"calls": [CALL, USE, {"output_tokens": 3}]}, [USE, USE, Usage("", 0, 3)]),
        ({"calls": [CALL], "input_tokens": 9_999}, [USE]),
        ({"model": None, "input_tokens": 5, "output_tokens": None}, [Usage("", 5)]),
    ],
)
def test_each_call_that_is_told(usage: Any, calls: list[Usage]) -> None:
    assert read(usage) == Reported(tuple(calls))


@pytest.mark.parametrize("usage", [None, {}, {"seconds": 3}, {**CALL, "calls": []}, {"model": "x", "input_tokens": 0}])
def test_what_tells_of_no_token(usage: Any) -> None:
    assert read(usage) is None


def test_plain_numbers_of_a_final_event_are_its_runs_total_and_calls_are_calls() -> None:
    assert read(CALL, "agent_error") == Reported((USE,), total=True)
    assert read({**CALL, "calls": [CALL]}, "agent_completed") == Reported((USE,))


def test_an_event_of_a_teams_own_may_mean_something_else_by_usage() -> None:
    assert read("see the manual", "team.help") is None
    assert read(CALL, "team.help") == Reported((USE,))


@pytest.mark.parametrize(
    "wrong",
    [
        {"input_tokens": -1},
        {"input_tokens": 1.5},
        {"output_tokens": "7"},
        {"output_tokens": True},
        {"input_tokens": 10**9 + 1},
        {"model": 7, "input_tokens": 1},
        {"model": "a\x00b", "input_tokens": 1},
        {"model": "x" * 201, "input_tokens": 1},
        {"calls": {}},
        {"calls": [7]},
    ],
)
def test_what_cannot_be_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(EventRefused, match=r"^bad_field: usage: "):
        read(wrong)
