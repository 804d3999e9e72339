"""What became of the events, counted."""

from hypothesis import given
from hypothesis import strategies as st

from chaos.tally import Mark, Tally, steps_back, tally


def marks(*numbers: int, user: str = "7") -> list[Mark]:
    return [Mark(user, number) for number in numbers]


def test_all_of_them_once_and_in_order_is_whole() -> None:
    assert tally("7", 3, marks(1, 2, 3)) == Tally(offered=3)
    assert tally("7", 3, marks(1, 2, 3)).whole


def test_each_fault_is_counted_as_what_it_is() -> None:
    assert tally("7", 4, marks(1, 3, 3, 2)) == Tally(4, lost=1, repeated=1, disordered=1)
    assert tally("7", 1, [*marks(1), *marks(1, user="8")]) == Tally(1, leaked=1)


def test_tallies_add_up() -> None:
    assert Tally(5, 1, 2, 3, 4).plus(Tally(1, 1, 1, 1, 1)) == Tally(6, 2, 3, 4, 5)


@given(st.permutations(range(1, 9)))
def test_only_the_sorted_order_is_in_order(numbers: list[int]) -> None:
    assert (steps_back(numbers) == 0) == (numbers == sorted(numbers))
