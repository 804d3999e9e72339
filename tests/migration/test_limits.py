"""When an adapter has to go back: by its share of calls, and never on a few."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter.migration.limits import Counts, Limits, breach
from emitter.models import Mode

LIMITS = Limits(shadow=0.05, failures=0.1, calls=20)
numbers = st.integers(0, 1_000)


@pytest.mark.parametrize(
    ("mode", "counts", "breached"),
    [
        (Mode.SHADOW, Counts(calls=100, differences=5), False),
        (Mode.SHADOW, Counts(calls=100, differences=6), True),
        (Mode.SHADOW, Counts(calls=100, failures=100), False),
        (Mode.SHADOW, Counts(calls=19, differences=19), False),
        (Mode.UNIFIED, Counts(calls=100, failures=10), False),
        (Mode.UNIFIED, Counts(calls=100, failures=11), True),
        (Mode.UNIFIED, Counts(calls=100, differences=100), False),
        (Mode.LEGACY, Counts(100, 100, 100), False),
    ],
)
def test_each_mode_has_its_limit(mode: Mode, counts: Counts, breached: bool) -> None:
    assert (breach(mode, counts, LIMITS) is not None) is breached


@given(st.sampled_from(Mode), st.builds(Counts, numbers, numbers, numbers))
def test_without_limits_nothing_goes_back(mode: Mode, counts: Counts) -> None:
    assert breach(mode, counts, Limits(None, None, 0)) is None


def test_the_reason_can_be_read() -> None:
    reason = breach(Mode.SHADOW, Counts(calls=1_200, differences=120), LIMITS)
    assert reason == "120 of 1,200 calls differed in 5 minutes, more than 5.0%"
