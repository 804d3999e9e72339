"""Token buckets: the arithmetic, in this process and in Redis."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter.policy import rates
from emitter.policy.rates import MOST_NAMES, LocalRates, SharedRates, take

from .test_jwks import Clock

MOMENTS = st.floats(0, 1_000, allow_nan=False)
CALLS = st.lists(st.tuples(st.floats(0, 5), st.integers(1, 50)), max_size=40)
RATES = st.floats(0.1, 1_000)


@given(CALLS, RATES, st.floats(50, 500))
def test_nobody_gets_more_than_the_rate_and_one_burst(calls, rate, burst) -> None:
    spoken = now = 0.0
    given_out = 0
    for pause, number in calls:
        now += pause
        spoken, wait = take(spoken, now, number, rate, burst)
        given_out += number if wait == 0 else 0
        assert given_out <= burst + rate * now + 1e-6


@given(CALLS, RATES, st.floats(1, 500))
def test_whoever_waits_as_told_gets_it(calls, rate, burst) -> None:
    spoken = now = 0.0
    for pause, number in calls:
        now += pause
        spoken, wait = take(spoken, now, number, rate, burst)
        if wait:
            spoken, again = take(spoken, now + wait + 1e-6, number, rate, burst)
            now += wait + 1e-6
            assert again == 0


@given(MOMENTS, MOMENTS, st.integers(1, 100), RATES, st.floats(1, 500))
def test_a_refusal_takes_nothing(spoken, now, number, rate, burst) -> None:
    taken = take(spoken, now, number, rate, burst)
    assert taken.wait == 0 or taken.spoken == spoken


def test_more_than_a_burst_is_given_whole_once_the_bucket_is_full() -> None:
    taken = take(0, 0, 100, 10, 20)
    assert taken == (10.0, 0.0)
    assert take(taken.spoken, 8, 1, 10, 20).wait == pytest.approx(0.1)


def test_names_have_buckets_of_their_own() -> None:
    buckets = LocalRates(Clock())
    assert [buckets.wait(name, 1, 1, 1) for name in ("a", "b", "a")] == [0, 0, 1]


def test_memory_is_bounded_and_the_emptiest_buckets_are_kept() -> None:
    clock = Clock()
    buckets = LocalRates(clock)
    buckets.wait("flood", 1_000, 1, 1)
    for number in range(3 * MOST_NAMES):
        clock.now += 0.001
        buckets.wait(str(number), 1, 1, 1)
    assert len(buckets._spoken) <= MOST_NAMES
    assert buckets.wait("flood", 1, 1, 1) > 0


def test_of_many_threads_as_many_get_it_as_there_is(settings) -> None:
    together, buckets = threading.Barrier(20), LocalRates(Clock())

    def knock(_: int) -> bool:
        together.wait()
        return buckets.wait("a", 1, 1, 5) == 0

    with ThreadPoolExecutor(20) as threads:
        assert sum(threads.map(knock, range(20))) == 5


# With Redis -----------------------------------------------------------------------------------------------------------


@pytest.mark.embedded
def test_without_redis_a_process_counts_for_itself() -> None:
    assert rates.shared() is rates.local


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> SharedRates:
    """Those of the settings, with patience for Redis."""
    monkeypatch.setattr(rates, "REDIS_SECONDS", 20)
    monkeypatch.setattr(rates, "_shared", {})
    found = rates.shared()
    assert isinstance(found, SharedRates)
    return found


@pytest.mark.scaled
def test_processes_share_what_redis_holds(shared: SharedRates) -> None:
    other = SharedRates(rates._client(rates_address()), LocalRates())
    name = uuid4().hex
    assert [one.wait(name, 2, 0.001, 4) for one in (shared, other)] == [0, 0]
    assert [one.wait(name, 1, 0.001, 4) for one in (shared, other)] == pytest.approx([1_000] * 2, abs=60)


@pytest.mark.scaled
def test_redis_counts_as_we_do(shared: SharedRates) -> None:
    name, ours, spoken = uuid4().hex, [], 0.0
    for number in (3, 50, 1, 40, 8):
        taken = take(spoken, 0.0, number, 0.001, 60)
        spoken = taken.spoken
        ours.append(taken.wait)
    theirs = [shared.wait(name, number, 0.001, 60) for number in (3, 50, 1, 40, 8)]
    assert theirs == pytest.approx(ours, abs=60)
    assert [wait == 0 for wait in theirs] == [wait == 0 for wait in ours]


@pytest.mark.scaled
def test_what_is_full_again_leaves_redis(shared: SharedRates) -> None:
    client, name = rates._client(rates_address()), uuid4().hex
    shared.wait(name, 1, 0.01, 10)
    assert 40_000 < client.pttl(f"emitter.rate:{name}") <= 101_001


@pytest.mark.scaled
def test_while_redis_is_away_each_process_counts_and_asks_rarely(shared: SharedRates, redis_server: Any) -> None:
    clock = Clock()
    buckets = SharedRates(rates._client(rates_address()), LocalRates(clock), clock)
    redis_server.stop()
    assert [buckets.wait("a", 1, 1, 1) for _ in range(2)] == [0, 1]
    redis_server.start()
    assert buckets.wait("a", 1, 1, 1) == 1
    clock.now = rates.REDIS_PAUSE
    assert buckets.wait(uuid4().hex, 1, 1, 1) == 0
    assert buckets._away_until == rates.REDIS_PAUSE


def rates_address() -> str:
    [address] = rates._shared
    return address
