"""What a payload may be, what it is refused for, and how it is told from another."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter import wire
from emitter.errors import EventRefused
from emitter.events import Usage

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
values = scalars | texts | st.lists(scalars | texts, max_size=3) | st.dictionaries(texts, scalars | texts, max_size=3)
payloads = st.dictionaries(texts, values, max_size=4)


def encoded(payload: dict[str, Any], *, max_bytes: int = 1_000_000, max_depth: int = 32) -> bytes:
    text = wire.encode_payload(payload, max_depth=max_depth)
    wire.refuse_large(text, max_bytes)
    return text


def refusal(payload: dict[str, Any], **limits: int) -> str:
    with pytest.raises(EventRefused) as caught:
        encoded(payload, **limits)
    return caught.value.code


@given(payloads)
def test_a_payload_keeps_its_values_and_the_order_of_its_keys(payload: dict[str, Any]) -> None:
    assert json.dumps(json.loads(encoded(payload))) == json.dumps(payload)


def test_a_payload_carries_what_python_has_plain_json_for() -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    assert encoded({"at": at, "pair": (1, 2)}) == b'{"at":"2026-01-02T00:00:00Z","pair":[1,2]}'


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_lacks_is_refused_wherever_it_stands(number: float) -> None:
    assert refusal({"a": [{"b": (1, number)}]}) == "payload_not_finite"


def test_half_a_surrogate_pair_is_refused() -> None:
    assert refusal({"a": "\ud800"}) == refusal({"\ud800": 1}) == "payload_bad_text"


def test_a_value_that_json_cannot_carry_is_refused() -> None:
    assert refusal({"a": object()}) == "payload_not_json"


def test_depth_is_counted_to_the_last_level() -> None:
    assert encoded({"a": [[1]]}, max_depth=3) == b'{"a":[[1]]}'
    assert refusal({"a": [[1]]}, max_depth=2) == "payload_too_deep"


def test_a_payload_that_holds_itself_is_too_deep() -> None:
    payload: dict[str, Any] = {}
    payload["a"] = payload
    assert refusal(payload) == "payload_too_deep"


def test_size_is_counted_in_bytes() -> None:
    assert encoded({"a": "é"}, max_bytes=10) == '{"a":"é"}'.encode()
    assert refusal({"a": "é"}, max_bytes=9) == "payload_too_large"


@given(payloads)
def test_the_digest_knows_no_order_of_keys(payload: dict[str, Any]) -> None:
    turned = dict(reversed(payload.items()))
    assert wire.digest("a", "r", None, "x", payload) == wire.digest("a", "r", None, "x", turned)


def test_the_digest_tells_apart_what_differs() -> None:
    contents = [("a", "r", None, "x"), ("b", "r", None, "x"), ("a", "s", None, "x"), ("a", "r", "t", "x")]
    digests = {wire.digest(*content, {"n": n}) for content in contents for n in (1, 2)}
    assert len(digests) == 8


def test_json_from_outside_is_read_strictly() -> None:
    assert wire.decode_json('{"a":1}') == {"a": 1}
    with pytest.raises(EventRefused, match="broken_json"):
        wire.decode_json("{'a':1}")


def test_what_is_not_json_but_common_is_read_to_be_named() -> None:
    assert math.isnan(wire.decode_json('{"a":NaN}')["a"])
    assert wire.decode_json('{"a":"\\ud800"}') == {"a": "\ud800"}


def test_the_keys_of_all_objects_are_told() -> None:
    keys: set[Any] = set()
    wire.encode_payload({"a": [{"b": {"c": 1}}], "d": Usage("m")}, max_depth=9, keys=keys)
    assert keys == {"a", "b", "c", "d", "model", "input_tokens", "output_tokens"}
