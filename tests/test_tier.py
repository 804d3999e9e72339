"""What a tier gives, as plain rules: what is kept of an event, and what may be left out."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter.events import AUXILIARY
from emitter.policy.tier import DEFAULTS, PROTECTED, Tier, kept, parse, takes

LIMITS = {"retention_days": 30, "sessions": 20, "devices": 50}
payloads = st.dictionaries(
    st.sampled_from(["thought", "step_number", "more"]),
    st.one_of(st.text("aß… 🙂", max_size=60), st.integers(), st.none()),
)
types = st.sampled_from(sorted(PROTECTED | AUXILIARY | {"parcel_found"}))


def tier(**fields: object) -> Tier:
    return parse({"one": fields}, LIMITS)["one"]


tiers = st.builds(
    tier,
    thinking=st.sampled_from(["whole", "shortened", "left_out"]),
    thinking_chars=st.integers(1, 40),
    auxiliary_types=st.none() | st.frozensets(st.sampled_from(sorted(AUXILIARY)), max_size=3),
)


@given(tiers, types, payloads)
def test_nothing_but_the_text_of_a_thought_is_touched(tier, event_type, payload) -> None:
    before = dict(payload)
    rest = kept(tier, event_type, payload)
    assert payload == before
    assert {**rest, "thought": None} == {**payload, "thought": None}
    assert rest is payload or event_type == "agent_thinking"


@given(tiers, types)
def test_every_tier_takes_the_critical_and_the_final_types(tier, event_type) -> None:
    assert takes(tier, event_type) or event_type not in PROTECTED


@given(st.text("aß… 🙂", max_size=60), st.integers(1, 40))
def test_a_shortened_thought_says_how_much_is_missing(thought, chars) -> None:
    rest = kept(tier(thinking="shortened", thinking_chars=chars), "agent_thinking", {"thought": thought})["thought"]
    missing = len(thought) - chars
    assert rest == (thought if missing <= 0 else f"{thought[:chars]}… [{missing} more characters]")


def test_a_thought_that_is_left_out_leaves_a_mark() -> None:
    payload = {"thought": "The ledger says", "step_number": 3}
    assert kept(tier(thinking="left_out"), "agent_thinking", payload) == {"thought": "…", "step_number": 3}


@pytest.mark.parametrize("payload", [{}, {"thought": None}, {"thought": ""}, {"thought": "short"}])
def test_what_needs_no_trimming_stays_the_same_object(payload) -> None:
    assert kept(tier(thinking="shortened", thinking_chars=5), "agent_thinking", payload) is payload


def test_a_tier_takes_the_auxiliary_types_it_lists() -> None:
    listed = tier(auxiliary_types=["progress_update"])
    assert [takes(listed, name) for name in ("progress_update", "system_status", "parcel_found")] == [
        True,
        False,
        False,
    ]
    assert takes(tier(), "parcel_found")


def test_what_a_tier_does_not_say_is_as_for_everybody() -> None:
    one = tier(weight=3, sessions=1)
    assert (one.weight, one.sessions, one.devices, one.retention_days, one.thinking) == (3, 1, 50, 30, "whole")


def test_the_four_tiers() -> None:
    found = parse(DEFAULTS, LIMITS)
    assert [(one.name, one.weight) for one in found.values()] == [
        ("free", 1),
        ("early", 2),
        ("mid", 4),
        ("enterprise", 8),
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "names no tier"),
        (["free"], "names no tier"),
        ({"gold": {"wieght": 2}}, "'gold'.*unknown field `wieght`"),
        ({"gold": {"weight": 0}}, r"'gold'.*`\$.weight`"),
        ({"gold": {"thinking": "some"}}, "'gold'.*'some'"),
        ({"gold": {"retention_days": 0}}, r"`\$.retention_days`"),
        ({"gold": {"auxiliary_types": "progress_update"}}, r"`\$.auxiliary_types`"),
        ({"gold": {"auxiliary_types": ["agent_thinking"]}}, "agent_thinking, which every tier takes"),
        ({"gold": 3}, "'gold'"),
        ({"Gold tier": {}}, r"`\$.name`"),
    ],
)
def test_a_tier_that_cannot_be_read_says_where(given, said) -> None:
    with pytest.raises(ValueError, match=said):
        parse(given, LIMITS)


def test_a_tier_is_nobodys_to_change() -> None:
    with pytest.raises(AttributeError):
        tier().weight = 9
    assert msgspec.structs.replace(tier(), weight=9).weight == 9
