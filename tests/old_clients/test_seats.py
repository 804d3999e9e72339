"""Where an older client goes on, straight at the database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import time

import pytest
from django.utils import timezone

from emitter import clock
from emitter.context import RunContext
from emitter.delivery.devices import Position, position_of
from emitter.events import AgentCompleted, AgentStarted, AgentThinking
from emitter.log import open_stream
from emitter.models import Device, Event, Stream
from emitter.old_door.seats import REPLAY_EVENTS, Lost, Seat, leave_behind, leave_for_good, take
from emitter.old_door.sign_in import Kind
from emitter.service import emitter
from tests.conftest import Configure

PAGE = " older page"


@pytest.fixture(autouse=True)
def clock_of_the_machine() -> Iterator[None]:
    yield
    clock.set_source()


def think(key: str, number: int = 1, *, ago: float = 0, run: str = "run-1") -> None:
    """Emits so many events, as long ago as it says."""
    clock.set_source(lambda: time() - ago)
    emitter.emit_many([(RunContext(key, run_id=run), AgentThinking("Hm"))] * number)
    clock.set_source()


def at(key: str, seq: int, device: str = PAGE) -> Position:
    return Position(key, device, open_stream(key).epoch, seq)


def test_a_new_client_begins_at_the_head(key: str) -> None:
    think(key, 3)
    assert take(key, Kind.PAGE) == Seat(PAGE, open_stream(key).epoch, 3)
    assert position_of(key, PAGE) == at(key, 3)


def test_the_next_one_goes_on_where_the_last_one_was(key: str) -> None:
    take(key, Kind.PAGE, [at(key, 0)])
    think(key, 5)
    assert take(key, Kind.PAGE, [at(key, 2)]).after == 2


def test_each_kind_has_a_place_of_its_own(key: str) -> None:
    take(key, Kind.PAGE)
    think(key, 5)
    assert [take(key, kind).after for kind in (Kind.TERMINAL, Kind.PROGRAM, Kind.PAGE)] == [5, 5, 0]


def test_every_page_that_was_cut_is_given_its_place(key: str) -> None:
    think(key, 9)
    for seq in (5, 3):
        leave_behind(at(key, seq))
    assert [take(key, Kind.PAGE).after for _ in range(2)] == [3, 5]
    assert not Device.objects.filter(name__contains="left").exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_who_come_at_once_one_gets_the_place_that_was_left(key: str, pool: ThreadPoolExecutor) -> None:
    think(key, 9)
    take(key, Kind.PAGE, [at(key, 9)])
    leave_behind(at(key, 3))
    seats = list(pool.map(lambda _: take(key, Kind.PAGE), range(8)))
    assert sorted(seat.after for seat in seats) == [3, *[9] * 7]


def test_a_place_that_was_left_too_long_ago_is_cleared_away(key: str) -> None:
    think(key, 9)
    take(key, Kind.PAGE)
    leave_behind(at(key, 3))
    Device.objects.filter(name__contains="left").update(seen_at=timezone.now() - timedelta(seconds=301))
    assert take(key, Kind.PAGE).after == 9
    assert Device.objects.count() == 1


def test_who_said_goodbye_leaves_nothing(key: str) -> None:
    seat = take(key, Kind.TERMINAL)
    leave_for_good(at(key, seat.after, seat.device))
    think(key, 3)
    assert take(key, Kind.TERMINAL).after == 3


def test_what_is_too_long_ago_is_not_sent_again(key: str, configure: Configure) -> None:
    configure(REPLAY_SECONDS=60)
    take(key, Kind.PAGE)
    think(key, 4, ago=61)
    think(key, 2, ago=30)
    assert take(key, Kind.PAGE).after == 4


def test_what_came_late_between_recent_events_is_sent_with_them(key: str) -> None:
    take(key, Kind.PAGE)
    for ago in (1_000, 10, 1_000, 5):
        think(key, ago=ago)
    assert take(key, Kind.PAGE).after == 1


def test_a_long_time_ago_there_is_nothing_to_send(key: str) -> None:
    take(key, Kind.PAGE)
    think(key, 4, ago=1_000)
    assert take(key, Kind.PAGE) == Seat(PAGE, open_stream(key).epoch, 4)


def test_a_page_is_never_sent_hundreds_of_frames(key: str) -> None:
    take(key, Kind.PAGE)
    think(key, 600)
    assert take(key, Kind.PAGE).after == 600 - REPLAY_EVENTS


def test_who_waits_for_a_run_is_told_what_is_lost(key: str) -> None:
    emitter.emit(RunContext(key, run_id="run-1"), AgentStarted("Why?"))
    leave_behind(at(key, 1))
    think(key, 9, ago=1_000)
    assert take(key, Kind.PAGE).lost == Lost(9, "run-1", goes_on=True)
    leave_behind(at(key, 1))
    emitter.emit(RunContext(key, run_id="run-1"), AgentCompleted("Because."))
    Event.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert take(key, Kind.PAGE).lost == Lost(10, "run-1", goes_on=False)


def test_who_waits_for_nothing_is_told_nothing(key: str) -> None:
    emitter.emit(RunContext(key, run_id="run-1"), AgentCompleted("Because."))
    leave_behind(at(key, 1))
    think(key, 9, ago=1_000, run="run-2")
    assert take(key, Kind.PAGE).lost is None


@pytest.mark.parametrize("seq", [0, 3])
def test_a_place_of_another_epoch_never_asks_for_everything(key: str, seq: int) -> None:
    think(key, 9)
    leave_behind(at(key, seq))
    Stream.objects.update(epoch="0fffffff-ffff-7fff-bfff-ffffffffffff")
    seat = take(key, Kind.PAGE)
    assert seat.epoch != open_stream(key).epoch
    assert seat.after >= 1


def test_a_place_above_the_head_is_kept_for_the_session_to_tell(key: str) -> None:
    think(key, 2)
    leave_behind(at(key, 9))
    assert take(key, Kind.PAGE).after == 9


def test_no_client_can_name_such_a_device(key: str) -> None:
    from emitter.context import check_id
    from emitter.errors import EventRefused

    with pytest.raises(EventRefused):
        check_id("device", take(key, Kind.PAGE).device)
