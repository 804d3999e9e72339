from channels.layers import BaseChannelLayer
from hypothesis import example, given
from hypothesis import strategies as st

from emitter.bell import user_group
from emitter.bell.group import EVENT_BYTES, from_message, to_message
from emitter.cursor import Growth

keys = st.text(max_size=200) | st.text("ab-_.0", max_size=80)


@given(keys)
@example("a" * 200)
@example("")
@example("alice@example.com")
@example("\ud800")
def test_any_key_has_a_group_that_channels_takes(key: str) -> None:
    assert BaseChannelLayer().require_valid_group_name(user_group(key))


@given(keys, keys)
def test_two_keys_have_two_groups(one: str, other: str) -> None:
    assert (user_group(one) == user_group(other)) is (one == other)


@given(keys)
def test_no_key_can_be_made_to_look_like_anothers_group(key: str) -> None:
    disguises = (user_group(key), user_group(key).removeprefix("emitter.user."), f".{key}", f"{key}\n")
    assert user_group(key) not in [user_group(disguise) for disguise in disguises if disguise != key]


def test_a_plain_key_can_be_read_in_its_group() -> None:
    assert user_group("42") == "emitter.user.42"


def test_the_message_is_the_documented_one() -> None:
    assert to_message(Growth("42", "e1", 7, 8, ["{7}", "{8}"])) == {
        "type": "agent.events",
        "stream": "42",
        "epoch": "e1",
        "head": 8,
        "events": ["{7}", "{8}"],
    }


def test_large_events_are_left_to_the_log() -> None:
    bodies = ["x" * EVENT_BYTES, "y"]
    assert to_message(Growth("42", "e1", 7, 8, bodies))["events"] == []
    assert to_message(Growth("42", "e1", 7, 7, bodies[:1]))["events"] == bodies[:1]


@given(st.integers(1, 50), st.lists(st.text(max_size=5), min_size=1))
def test_a_message_says_what_it_was_made_of(first: int, bodies: list[str]) -> None:
    growth = Growth("42", "e1", first, first + len(bodies) - 1, bodies)
    assert from_message(to_message(growth)) == growth


def test_a_message_without_events_says_how_far_the_stream_has_grown() -> None:
    growth = Growth("42", "e1", 7, 9, ["x" * EVENT_BYTES] * 3)
    assert from_message(to_message(growth)) == Growth("42", "e1", 9, 9, [])
