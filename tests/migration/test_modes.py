"""Who has which mode: a user's share never moves, and more percent never takes anybody back."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter.migration.modes import ADAPTERS, Setting, share_of
from emitter.models import Mode

adapters = st.sampled_from(ADAPTERS)
modes = st.sampled_from(Mode)
percents = st.decimals(0, 100, places=2)
LEGACY = Setting("base_agent").turned(Mode.LEGACY, Decimal(100))


@given(adapters, st.text(), modes, st.lists(percents, min_size=2))
def test_more_percent_never_moves_a_user_back(adapter: str, key: str, mode: Mode, given_percents: list) -> None:
    setting = Setting(adapter).turned(Mode.LEGACY, Decimal(100))
    had = []
    for percent in sorted(given_percents):
        setting = setting.turned(mode, percent)
        had.append(setting.mode_of(key) == mode)
    assert all(before <= after for before, after in pairwise(had))


@given(adapters, st.text())
def test_a_share_is_stable_and_below_a_hundred(adapter: str, key: str) -> None:
    assert share_of(adapter, key) == share_of(adapter, key)
    assert 0 <= share_of(adapter, key) < 100


def test_a_share_is_about_as_large_as_it_is_called() -> None:
    setting = LEGACY.turned(Mode.UNIFIED, Decimal(25))
    number = sum(setting.mode_of(str(key)) == Mode.UNIFIED for key in range(10_000))
    assert 2_300 < number < 2_700


def test_a_user_has_another_place_in_each_adapter() -> None:
    assert len({share_of(adapter, "42") for adapter in ADAPTERS}) == len(ADAPTERS)


def test_the_share_of_a_key_is_for_ever_this_one() -> None:
    assert round(share_of("unified_emitter", "42"), 6) == Decimal("81.000836")


def test_the_others_keep_what_was_last_set_for_all() -> None:
    some = LEGACY.turned(Mode.SHADOW, Decimal(10)).turned(Mode.UNIFIED, Decimal(5))
    assert (some.mode, some.rest) == (Mode.UNIFIED, Mode.LEGACY)
    assert some.modes == frozenset({Mode.UNIFIED, Mode.LEGACY})
    assert some.turned(Mode.SHADOW, Decimal(100)).uniform is Mode.SHADOW
    assert some.mode_of(None) is Mode.LEGACY


def test_nothing_configured_is_unified_for_all() -> None:
    assert Setting("base_agent").uniform is Mode.UNIFIED
    assert Setting("base_agent").turned(Mode.LEGACY, Decimal(0)).uniform is Mode.UNIFIED


@given(modes, percents, modes, modes)
def test_going_back_moves_those_alone_who_were_in_the_mode(
    mode: Mode, percent: Decimal, rest: Mode, left: Mode
) -> None:
    before = Setting("base_agent", mode, percent, rest)
    after = before.without(left, Mode.LEGACY)
    for key in map(str, range(20)):
        was = before.mode_of(key)
        assert after.mode_of(key) == (Mode.LEGACY if was == left else was)


@pytest.mark.parametrize(("percent", "text"), [("100", "unified"), ("0.5", "unified 0.5 %, else legacy")])
def test_it_reads_as_a_person_would_say_it(percent: str, text: str) -> None:
    assert str(LEGACY.turned(Mode.UNIFIED, Decimal(percent))) == text
