"""Where a session is in its stream: pure arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter.context import RunContext
from emitter.cursor import Growth
from emitter.delivery.place import FIRST_PAGE, LARGEST_PAGE, PAGE_SIZE, READY_SIZE, Place
from emitter.events import AgentThinking
from emitter.log import Stored
from emitter.models import Event
from emitter.service import emitter
from emitter.testing import EventsClient

ROOM = (1_000, 1_000_000)


def text(seq: int) -> str:
    return f"event {seq}"


def stored(*seqs: int) -> list[Stored]:
    return [Stored(seq, "agent_thinking", "r", text(seq)) for seq in seqs]


def place(position: int, head: int) -> Place:
    made = Place()
    made.go_to("e", position, head)
    return made


def bell(first: int, head: int, *, bodies: bool = True) -> Growth:
    return Growth("a", "e", first, head, [text(seq) for seq in range(first, head + 1)] if bodies else [])


def test_a_bell_that_follows_on_is_written_from_its_copy() -> None:
    here = place(3, 3)
    assert here.hear(bell(4, 6), keep=True)
    assert here.take(ROOM) == (4, [text(4), text(5), text(6)])
    assert (here.position, here.needs_reading) == (6, False)


def test_a_bell_that_overlaps_gives_only_what_is_new() -> None:
    here = place(5, 5)
    here.hear(bell(3, 7), keep=True)
    assert here.take(ROOM) == (6, [text(6), text(7)])


def test_a_hole_before_a_bell_is_read() -> None:
    here = place(3, 3)
    assert here.hear(bell(6, 7), keep=True)
    assert here.needs_reading
    assert here.read(stored(4, 5, 6, 7))
    assert here.take(ROOM) == (4, [text(seq) for seq in (4, 5, 6, 7)])


def test_old_news_is_none() -> None:
    here = place(5, 5)
    assert not here.hear(bell(5, 5, bodies=False), keep=True)


def test_without_credit_nothing_is_kept() -> None:
    here = place(0, 0)
    here.hear(bell(1, 3), keep=False)
    assert (here.reach, here.needs_reading) == (0, True)


def test_what_waits_is_bounded() -> None:
    here, body = place(0, 0), "x" * 10_000
    for seq in range(1, 1_000):
        here.hear(Growth("a", "e", seq, seq, [body]), keep=True)
    assert here.reach == READY_SIZE // len(body) + 1


def test_pages_grow_with_small_events_and_shrink_with_large_ones() -> None:
    here, pages = place(0, 10_000), []
    for size in (100, 100, 60_000, 60_000, 100):
        here.read(
            [Stored(seq, "t", "r", "x" * size) for seq in range(here.position + 1, here.position + here.page + 1)]
        )
        while here.take(ROOM)[1]:
            pass
        pages.append(here.page)
    assert pages == [LARGEST_PAGE, LARGEST_PAGE, PAGE_SIZE // 60_000, PAGE_SIZE // 60_000, 4 * (PAGE_SIZE // 60_000)]
    assert place(0, 1).page == FIRST_PAGE


def test_a_frame_takes_what_fits_and_one_at_least() -> None:
    here = place(0, 3)
    here.read(stored(1, 2, 3))
    assert here.take((2, 1_000)) == (1, [text(1), text(2)])
    assert here.take((5, 1)) == (3, [text(3)])
    assert here.take(ROOM) == (4, [])


steps = st.lists(
    st.one_of(
        st.tuples(st.just("bell"), st.integers(1, 8), st.integers(0, 4), st.booleans()),
        st.tuples(st.just("take"), st.integers(1, 3)),
        st.just(("read",)),
    ),
    max_size=30,
)


@given(steps)
def test_whatever_comes_is_written_once_and_in_order(steps) -> None:
    here, head = place(0, 0), 0
    written: list[str] = []
    for step in steps:
        match step:
            case ("bell", grown, overlap, bodies):
                first, head = max(1, head + 1 - overlap), head + grown
                here.hear(bell(first, head, bodies=bodies), keep=True)
            case ("take", most):
                first, events = here.take((most, 1_000))
                assert first == len(written) + 1
                written += events
            case ("read",):
                here.read(stored(*range(here.position + 1, head + 1)))
    here.read(stored(*range(here.position + 1, head + 1)))
    written += here.take(ROOM)[1]
    assert written == [text(seq) for seq in range(1, head + 1)]


@pytest.mark.django_db(transaction=True)
async def test_a_row_that_nobody_pruned_is_told_as_a_gap_and_does_not_stop_the_rest(alice, caplog) -> None:
    from asgiref.sync import sync_to_async

    context = RunContext(str(alice.pk), run_id="r")
    await emitter.aemit_many([(context, AgentThinking("t"))] * 4)

    @sync_to_async
    def lose(seq: int) -> None:
        from django.db import connections

        Event.objects.filter(seq=seq).delete()
        connections.close_all()

    await lose(2)
    async with EventsClient(alice, after=0) as client:
        assert (await client.receive_event()).seq == 1
        gap = await client.receive_frame()
        assert (gap["type"], gap["after"], gap["first"]) == ("gap", 1, 3)
        assert [(await client.receive_event()).seq for _ in range(2)] == [3, 4]
    assert "log_hole" in caplog.text
