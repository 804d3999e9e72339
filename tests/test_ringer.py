"""What waits to be rung: one bell a stream that says what all of them say."""

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter import metrics
from emitter.bell import probe, ring, user_group
from emitter.bell.group import EVENT_BYTES
from emitter.bell.ringer import merge
from emitter.cursor import Growth

flushes = st.lists(st.integers(1, 4), min_size=1, max_size=6)


def growth(first: int, head: int, *, epoch: str = "e1", size: int = 4, bare: bool = False) -> Growth:
    bodies = () if bare else tuple(f"{seq:0{size}}" for seq in range(first, head + 1))
    return Growth("7", epoch, head if bare else first, head, bodies)


def test_one_bell_alone_says_itself() -> None:
    assert merge(None, growth(3, 5)) == growth(3, 5)


def test_bells_that_follow_each_other_become_one() -> None:
    assert merge(growth(3, 5), growth(6, 7)) == growth(3, 7)


def test_bells_with_a_hole_between_them_leave_it_to_the_log() -> None:
    assert merge(growth(3, 5), growth(7, 7)) == growth(7, 7, bare=True)


def test_bells_in_the_wrong_order_never_say_less_than_before() -> None:
    assert merge(growth(6, 7), growth(3, 5)).head == 7


def test_a_bell_without_events_makes_one_without() -> None:
    assert merge(growth(3, 5), growth(6, 6, bare=True)) == growth(6, 6, bare=True)


def test_what_grows_too_large_is_left_to_the_log() -> None:
    half = EVENT_BYTES // 2 + 1
    assert merge(growth(3, 3, size=half), growth(4, 4, size=half)) == growth(4, 4, bare=True)


def test_the_newer_epoch_holds() -> None:
    for old, new in [(growth(3, 9), growth(4, 4, epoch="e2")), (growth(4, 4, epoch="e2"), growth(3, 9))]:
        assert merge(old, new) == growth(4, 4, epoch="e2", bare=True)


@given(flushes, st.data())
def test_a_merged_bell_holds_exactly_its_events_and_the_highest_head(sizes: list[int], data: st.DataObject) -> None:
    heads = [sum(sizes[: index + 1]) for index in range(len(sizes))]
    bells = [growth(head - size + 1, head) for head, size in zip(heads, sizes, strict=True)]
    order = data.draw(st.permutations(bells).flatmap(lambda rung: st.lists(st.sampled_from(rung), min_size=1)))
    merged = reduce(merge, order)
    assert merged.head == max(bell.head for bell in order)
    assert merged == growth(merged.first, merged.head, bare=not merged.bodies)


@given(flushes)
def test_bells_in_order_lose_nothing(sizes: list[int]) -> None:
    heads = [sum(sizes[: index + 1]) for index in range(len(sizes))]
    bells = [growth(head - size + 1, head) for head, size in zip(heads, sizes, strict=True)]
    assert reduce(merge, bells) == growth(1, heads[-1])
