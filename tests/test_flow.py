from hypothesis import given
from hypothesis import strategies as st

from emitter.delivery.flow import Credit


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
