"""Token buckets, with a clock that only the test moves."""

from hypothesis import given
from hypothesis import strategies as st

from emitter.policy.buckets import LocalBuckets


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@given(st.floats(0.5, 50), st.integers(1, 20), st.lists(st.floats(0, 3), max_size=60))
def test_no_more_than_the_burst_and_what_the_time_brings(rate, burst, pauses) -> None:
    clock = Clock()
    buckets = LocalBuckets(clock=clock)
    taken = 0
    for pause in pauses:
        clock.now += pause
        taken += buckets.take("a", rate, burst)
        assert taken <= burst + (clock.now - 100) * rate + 1e-6


def test_an_empty_bucket_fills_again_and_never_beyond_its_burst() -> None:
    clock = Clock()
    buckets = LocalBuckets(clock=clock)
    assert [buckets.take("a", 2, 3) for _ in range(4)] == [True, True, True, False]
    clock.now += 0.5
    assert [buckets.take("a", 2, 3) for _ in range(2)] == [True, False]
    clock.now += 3_600
    assert [buckets.take("a", 2, 3) for _ in range(4)] == [True, True, True, False]


def test_each_key_has_its_own() -> None:
    buckets = LocalBuckets(clock=Clock())
    assert [buckets.take(key, 1, 1) for key in "abab"] == [True, True, False, False]


def test_of_too_many_keys_the_one_unseen_for_longest_is_forgotten() -> None:
    buckets = LocalBuckets(most_keys=2, clock=Clock())
    assert [buckets.take(key, 1, 1) for key in "abacbb"] == [True, True, False, True, True, False]
    assert len(buckets) == 2
