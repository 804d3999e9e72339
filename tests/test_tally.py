"""A run handle's tokens: each call leaves with one event, whatever becomes of the events."""

from hypothesis import given
from hypothesis import strategies as st

from emitter.events import Usage
from emitter.service.tally import CALLS, Tally

calls = st.builds(Usage, st.sampled_from(["small", "large"]), st.integers(0, 500), st.integers(1, 500))
steps = st.lists(st.one_of(calls, st.booleans()), max_size=300)


@given(steps)
def test_every_call_is_told_once_and_the_summary_names_all(made) -> None:
    tally, told = Tally(), []
    for step in made:
        if isinstance(step, Usage):
            tally.add(step)
        elif (taken := tally.take()) and not step:
            tally.put_back(taken)
        else:
            told += taken
    told += tally.take()
    added = [step for step in made if isinstance(step, Usage)]
    for model in ("small", "large"):
        for name in ("input_tokens", "output_tokens"):
            sums = [sum(getattr(use, name) for use in uses if use.model == model) for uses in (told, added)]
            assert sums[0] == sums[1]
    summary = tally.summary([])
    assert (summary or {"output_tokens": 0})["output_tokens"] == sum(use.output_tokens for use in added)


def test_what_waits_is_bounded() -> None:
    tally = Tally()
    for _ in range(CALLS * 3):
        tally.add(Usage("small", 1, 1))
    assert len(tally.untold) == CALLS
    assert sum(call.input_tokens for call in tally.untold) == CALLS * 3


def test_calls_too_large_to_be_one_stay_two() -> None:
    tally = Tally()
    for _ in range(CALLS + 1):
        tally.add(Usage("small", 10**9))
    assert len(tally.untold) == CALLS + 1
