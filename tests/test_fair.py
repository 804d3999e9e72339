"""Who is next, as pure arithmetic: any turns in any flushes keep their order, their share and their bound."""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from emitter.service.fair import FairQueue, Look, most_flushes, room_for

STREAMS = "abcdef"
WEIGHTS = (1, 2, 4, 8)


@dataclass(eq=False)
class Turn:
    streams: frozenset[str] = frozenset("a")
    size: int = 1
    weight: int = 1
    behind: int = 0
    flushes: int = 0
    look: Look = field(default=Look.GO)


turns = st.builds(
    Turn,
    st.frozensets(st.sampled_from(STREAMS), min_size=1, max_size=2),
    st.integers(1, 12),
    st.sampled_from(WEIGHTS),
)
flushes = st.integers(1, 12)
#: How long an example takes says nothing.
unhurried = settings(deadline=None)
arrivals = st.lists(st.lists(turns, max_size=12), min_size=1, max_size=12)


class Line:
    """A queue that counts what its turns wait, and notes what is taken."""

    def __init__(self, flush: int) -> None:
        self.queue: FairQueue[Turn] = FairQueue(lambda turn: turn.weight)
        self.flush = flush
        self.entered: list[Turn] = []
        self.taken: list[Turn] = []

    @property
    def waiting(self) -> int:
        return sum(turn.size for turn in self.queue)

    def enter(self, *turns: Turn) -> None:
        for turn in turns:
            self.queue.append(turn)
            turn.behind = self.waiting
        self.entered += turns

    def take(self) -> list[Turn]:
        for turn in self.queue:
            turn.flushes += 1
        taken, over = self.queue.take(self.flush, lambda turn: turn.look, by_weight=self.waiting > self.flush)
        assert {turn.look for turn in taken} <= {Look.GO}
        assert {turn.look for turn in over} <= {Look.OVER}
        self.taken += taken
        return taken

    def empty(self) -> None:
        while self.queue:
            assert self.take()

    def put_back(self, taken: list[Turn], busy: str) -> None:
        """As when the log is busy with some streams: what shares one with them comes back, in its order."""
        back: list[Turn] = []
        held = set(busy)
        for turn in taken:
            if not held.isdisjoint(turn.streams):
                held |= turn.streams
                back.append(turn)
        self.taken = [turn for turn in self.taken if turn not in back]
        self.queue.put_back(back)


def of(stream: str, turns: list[Turn]) -> list[Turn]:
    return [turn for turn in turns if stream in turn.streams]


@unhurried
@given(arrivals, flushes)
def test_every_turn_is_taken_once_and_no_stream_is_reordered(rounds, flush) -> None:
    line = Line(flush)
    for new in rounds:
        line.enter(*new)
        line.take()
    line.empty()
    assert all(of(stream, line.taken) == of(stream, line.entered) for stream in STREAMS)
    assert len(line.taken) == len(line.entered)


@unhurried
@given(arrivals, flushes, st.lists(st.text(STREAMS, max_size=3)))
def test_nor_when_the_log_is_busy_with_some_of_them(rounds, flush, busy) -> None:
    line = Line(flush)
    for place, new in enumerate(rounds):
        line.enter(*new)
        line.put_back(line.take(), busy[place] if place < len(busy) else "")
    line.empty()
    assert all(of(stream, line.taken) == of(stream, line.entered) for stream in STREAMS)


@unhurried
@given(arrivals, flushes, st.data())
def test_nor_when_turns_are_held_up_withdrawn_or_over(rounds, flush, data) -> None:
    line = Line(flush)
    for new in rounds:
        line.enter(*new)
        for turn in line.queue:
            turn.look = data.draw(st.sampled_from(Look))
        line.take()
        if line.queue and data.draw(st.booleans()):
            line.queue.remove(data.draw(st.sampled_from(list(line.queue))))
    for turn in line.queue:
        turn.look = Look.GO
    line.empty()
    places = {turn: place for place, turn in enumerate(line.entered)}
    for stream in STREAMS:
        taken = [places[turn] for turn in of(stream, line.taken)]
        assert taken == sorted(set(taken))


@unhurried
@given(arrivals, flushes)
def test_a_flush_is_full_while_enough_waits(rounds, flush) -> None:
    line = Line(flush)
    for new in rounds:
        line.enter(*new)
        waited = line.waiting
        taken = line.take()
        assert sum(turn.size for turn in taken) >= min(flush, waited)
        assert sum(turn.size for turn in taken[:-1]) < flush


@unhurried
@given(arrivals, flushes)
def test_nobody_waits_longer_than_is_stated(rounds, flush) -> None:
    line = Line(flush)
    for new in rounds:
        line.enter(*new)
        line.take()
    line.empty()
    for turn in line.entered:
        assert turn.flushes <= most_flushes(turn.behind, flush, largest=12, weights=len(WEIGHTS))


@unhurried
@given(st.integers(1, 20), st.integers(1, 60))
def test_nor_under_a_flood_of_a_higher_weight(flush, waiting) -> None:
    line = Line(flush)
    line.enter(*(Turn(frozenset("a")) for _ in range(waiting)))
    while any(turn.weight == 1 for turn in line.queue):
        line.enter(*(Turn(frozenset("b"), weight=8) for _ in range(2 * flush)))
        line.take()
    assert max(turn.flushes for turn in line.taken if turn.weight == 1) <= most_flushes(waiting, flush, weights=2)


@unhurried
@given(arrivals, st.integers(2, 12))
def test_one_event_of_the_highest_weight_goes_in_the_next_flush(rounds, flush) -> None:
    line = Line(flush)
    for new in rounds:
        line.enter(*new)
        line.take()
        first = Turn(frozenset("t"), weight=16)
        line.enter(first)
        assert first in line.take()


def test_each_weight_gets_its_share() -> None:
    line = Line(40)
    line.enter(*(Turn(frozenset({f"{weight} {n % 7}"}), weight=weight) for weight in WEIGHTS for n in range(400)))
    taken = Counter(turn.weight for _ in range(10) for turn in line.take())
    assert [taken[weight] for weight in WEIGHTS] == [20 + 100, 40, 80, 160]


def test_what_a_large_turn_takes_too_much_is_paid_back() -> None:
    line = Line(40)
    line.enter(*(Turn(frozenset("b"), weight=2) for _ in range(1_000)))
    line.enter(*(Turn(frozenset("a"), size=40, weight=4) for _ in range(100)))
    taken = [turn for _ in range(12) for turn in line.take()]
    by_weight = 12 * 40 * 3 / 4
    assert sum(turn.size for turn in taken if turn.weight == 4) <= by_weight * 4 / 6 + 40


def test_the_streams_of_a_weight_take_turns() -> None:
    line = Line(8)
    line.enter(*(Turn(frozenset("a")) for _ in range(100)), *(Turn(frozenset(stream)) for stream in "bcde"))
    assert {stream for turn in line.take() for stream in turn.streams} == set("abcde")


def test_what_fits_into_one_flush_goes_in_order() -> None:
    line = Line(4)
    line.enter(Turn(frozenset("a")), Turn(frozenset("b"), weight=8), Turn(frozenset("a"), size=2))
    assert line.take() == line.entered


def test_higher_tiers_find_room_where_lower_ones_have_filled_theirs() -> None:
    assert [room_for(place, 10_000) for place in (0, 0.5, 1)] == [7_500, 8_750, 10_000]


def test_the_figures_of_the_reference() -> None:
    assert [most_flushes(10_000, 1_000, largest, weights=4) for largest in (1, 1_000)] == [41, 56]
