from hypothesis import given
from hypothesis import strategies as st

from emitter.delivery.flow import Allowance, Credit, Rate


class Clock:
    """Seconds that pass when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_was_written_is_no_longer_there_to_spend() -> None:
    credit = Credit(3, 1_000)
    credit.take(1, 400)
    assert credit.room() == (2, 600)
    assert not credit.spent


def test_events_are_spent() -> None:
    credit = Credit(2, 1_000)
    credit.take(1, 1)
    credit.take(2, 1)
    assert credit.spent


def test_bytes_are_spent_and_never_below_nothing() -> None:
    credit = Credit(3, 1_000)
    credit.take(1, 5_000)
    assert credit.room() == (2, 0)
    assert credit.spent


def test_an_acknowledgement_gives_back_all_up_to_it() -> None:
    credit = Credit(2, 1_000)
    credit.take(7, 300)
    credit.take(8, 300)
    credit.give_back(7)
    assert credit.room() == (1, 700)


def test_who_starts_anew_owes_nothing() -> None:
    credit = Credit(1, 1_000)
    credit.take(1, 1_000)
    credit.forget()
    assert credit.room() == (1, 1_000)


@given(st.lists(st.integers(1, 900)), st.lists(st.integers(0, 40)))
def test_all_that_is_acknowledged_is_given_back(sizes: list[int], acknowledged: list[int]) -> None:
    credit = Credit(50, 10_000)
    for seq, size in enumerate(sizes, 1):
        credit.take(seq, size)
    for seq in acknowledged:
        credit.give_back(seq)
    open_sizes = sizes[max(acknowledged, default=0) :]
    owed = (max(0, 50 - len(open_sizes)), max(0, 10_000 - sum(open_sizes)))
    assert credit.room() == (owed if open_sizes else (50, 10_000))


def test_who_acknowledges_nothing_while_spent_is_overdue() -> None:
    clock = Clock()
    credit = Credit(1, 1_000, patience=30, clock=clock)
    clock.now = 100
    assert not credit.overdue()
    credit.take(1, 1)
    clock.now = 130
    assert not credit.overdue()
    clock.now = 130.1
    assert credit.overdue()


def test_an_acknowledgement_buys_time() -> None:
    clock = Clock()
    credit = Credit(2, 1_000, patience=30, clock=clock)
    for seq in (1, 2, 3):
        credit.take(seq, 1)
    clock.now = 20
    credit.give_back(1)
    clock.now = 45
    assert (credit.spent, credit.overdue()) == (True, False)


def test_a_rate_lets_a_burst_through_and_then_its_bytes_a_second() -> None:
    clock = Clock()
    rate = Rate(100, burst=500, bound=10_000, clock=clock)
    rate.take(1, 500)
    assert rate.spent
    clock.now = 2
    assert rate.room() == (200, 200)
    clock.now = 60
    assert rate.room() == (500, 500)


def test_a_rate_says_how_long_to_wait() -> None:
    clock = Clock()
    rate = Rate(100, burst=500, bound=10_000, clock=clock)
    rate.take(1, 700)
    pause = rate.pause()
    assert pause is not None
    clock.now = pause - 0.01
    assert rate.spent
    clock.now = pause + 0.01
    assert not rate.spent


def test_what_a_rate_wrote_in_all_has_a_bound() -> None:
    rate = Rate(100, burst=500, bound=600, clock=Clock())
    rate.take(1, 600)
    rate.give_back(1)
    rate.forget()
    assert not rate.overdue()
    rate.take(2, 1)
    assert rate.overdue()


def test_a_client_may_say_so_many_frames_at_once_and_so_many_a_second() -> None:
    clock = Clock()
    allowance = Allowance(10, 3, 100, clock)
    assert [allowance.take() for _ in range(4)] == [True, True, True, False]
    clock.now = 0.1
    assert [allowance.take() for _ in range(2)] == [True, False]
    clock.now = 100
    assert [allowance.take() for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_whoever_acknowledges_every_event_never_says_too_much(batches) -> None:
    allowance = Allowance(0.001, 5, 1_000, Clock())
    for events in batches:
        allowance.earn(events)
        assert all(allowance.take() for _ in range(events))


@given(st.lists(st.integers(0, 500), max_size=20))
def test_what_may_be_said_is_bounded_whatever_was_sent(sent) -> None:
    allowance = Allowance(0.001, 5, 100, Clock())
    for events in sent:
        allowance.earn(events)
    assert sum(allowance.take() for _ in range(1_000)) <= 100
