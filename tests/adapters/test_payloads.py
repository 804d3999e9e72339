"""Old payloads in the emitter's words: nothing is lost over its form, and what is well formed stays."""

from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emitter import events
from emitter.adapters.payloads import fitted
from emitter.adapters.plain import CUT_ITEMS, plain, shortened
from emitter.errors import EventRefused

from ..test_payloads import payloads

keys = st.sampled_from(sorted({key for known in events.KNOWN_KEYS.values() for key in known} | {"reasoning", "tool"}))
odd = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.integers()), st.just({"a": 1}))
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
types = st.sampled_from(sorted(events.KNOWN_TYPES))


@unhurried
@given(types, st.dictionaries(keys, odd))
def test_no_old_payload_is_refused_for_its_fields(event_type: str, payload: dict[str, Any]) -> None:
    event = fitted(event_type, payload)
    events.check(event.type, event.payload())


@unhurried
@given(types, st.dictionaries(keys, odd))
def test_no_value_is_lost(event_type: str, payload: dict[str, Any]) -> None:
    made = dict(fitted(event_type, payload).payload())
    kept = [*made.values(), *made.get("legacy", {}).values()]
    assert all(value in kept for value in payload.values() if value is not None)


@unhurried
@given(payloads)
def test_a_well_formed_payload_of_a_teams_own_stays(payload: dict[str, Any]) -> None:
    assert fitted("parcel_found", payload).payload() == payload


def test_the_callers_dictionary_is_not_touched() -> None:
    metadata = {"result": [1]}
    payload = {"tool": "search", "metadata": metadata}
    assert fitted("tool_completed", payload).payload() == {"tool_name": "search", "result": [1], "metadata": {}}
    assert (payload, metadata) == ({"tool": "search", "metadata": {"result": [1]}}, {"result": [1]})


def test_the_emitters_own_name_goes_before_the_old_one() -> None:
    both = {"thought": "new", "reasoning": "old"}
    assert fitted("agent_thinking", both).payload() == both
    assert fitted("agent_thinking", {"thought": None, "reasoning": "old"}).payload() == {"thought": "old"}


@dataclass
class Hit:
    page: int


def test_what_json_cannot_carry_becomes_what_it_means_or_its_text() -> None:
    model = SimpleNamespace(model_dump=lambda mode: {"mode": mode})
    made = plain({"hit": Hit(3), "model": model, "view": MappingProxyType({"a": 1}), "failure": ValueError("x"), 7: 1})
    assert made == {"hit": {"page": 3}, "model": {"mode": "json"}, "view": {"a": 1}, "failure": "x", "7": 1}


class Broken:
    """Cannot even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError

    model_dump = __repr__ = __str__


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({None: 1, True: 2, (1, 2): 3}, {"null": 1, "true": 2, "(1, 2)": 3}),
        ({"in": [{(1, 2): Hit(3)}]}, {"in": [{"(1, 2)": {"page": 3}}]}),
        ({"model": SimpleNamespace(model_dump=lambda mode: {None: 1})}, {"model": {"null": 1}}),
        ({"took": float("nan"), "left": [float("-inf")]}, {"took": "nan", "left": ["-inf"]}),
        ({"half \ud800": "\udfff é"}, {"half ?": "? é"}),
        ({"broken": Broken()}, {"broken": "<Broken>"}),
    ],
)
def test_what_json_does_not_have_loses_no_event(given: dict[Any, Any], kept: dict[str, Any]) -> None:
    assert fitted("parcel_found", given).payload() == kept


def test_a_mock_is_a_text() -> None:
    assert plain({"mock": MagicMock(name="m")})["mock"].startswith("<MagicMock name='m'")


big = st.one_of(
    st.text(min_size=900, max_size=1_000), st.lists(st.integers(), min_size=200), st.lists(st.text(), min_size=100)
)


@unhurried
@given(st.dictionaries(st.text(max_size=9), st.one_of(big, st.lists(big, max_size=9), st.just({"a": "x" * 9_999}))))
def test_what_is_too_large_is_cut_until_it_fits(payload: dict[str, Any]) -> None:
    made = fitted("agent_completed", payload, 4_000).payload()
    assert len(msgspec.json.encode(made)) <= 4_000


def test_what_is_cut_says_so() -> None:
    result = {"text": "x" * 70_000, "rows": list(range(40_000)), "of": {str(place): 1 for place in range(2_000)}}
    made = fitted("agent_completed", {"result": result, "status": "completed"}).payload()
    assert (made["status"], made["result"]["text"][-5:], made["result"]["rows"][-1]) == (
        "completed",
        "xx...",
        CUT_ITEMS,
    )
    assert made["result"]["of"][CUT_ITEMS] == 1_000


def test_what_is_no_object_or_holds_itself_is_refused_by_name() -> None:
    endless: dict[str, Any] = {}
    endless["self"] = endless
    for payload, code in (("text", "payload_not_object"), (None, "payload_not_object"), (endless, "payload_too_deep")):
        with pytest.raises(EventRefused) as caught:
            plain(payload)
        assert caught.value.code == code


def test_long_texts_and_lists_are_cut_with_a_mark() -> None:
    cut = shortened({"a": "x" * 9, "b": {"c": "y" * 9}, "d": list(range(9)), "e": ["z" * 9]}, 5, items=3)
    assert cut == {
        "a": "xxxxx...",
        "b": {"c": "yyyyy..."},
        "d": [0, 1, 2, "...(truncated)"],
        "e": ["z" * 9],
    }
    assert (shortened("x" * 9, 5), shortened(list(range(9)), 5), shortened(7, 5)) == ("xxxxx...", list(range(9)), 7)


def test_usage_that_tells_nothing_is_set_aside() -> None:
    made = fitted("agent_completed", {"result": "r", "usage": {"calls": "many"}})
    assert made.body == {"result": "r", "legacy": {"usage": {"calls": "many"}}}
