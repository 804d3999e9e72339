"""The wall clock dates things and decides no order."""

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter import clock
from emitter.context import RunContext, minted_at
from emitter.events import AgentThinking
from emitter.log.epoch import new_epoch
from emitter.models import Event
from emitter.service import emitter


@pytest.fixture(autouse=True)
def right_again() -> Iterator[None]:
    yield
    clock.set_source()


def test_ids_and_dates_follow_the_source() -> None:
    clock.set_source(lambda: 1_000_000_000.25)
    assert clock.now().timestamp() == minted_at(clock.new_id()) == 1_000_000_000.25


@pytest.mark.django_db
def test_a_clock_that_is_stepped_back_changes_no_order(key: str) -> None:
    for back in (0, 3_600, 60):
        clock.set_source(lambda back=back: time.time() - back)
        emitter.emit(RunContext(key, run_id="r"), AgentThinking(str(back)))
    bodies = Event.objects.order_by("seq").values_list("body", flat=True)
    assert [body.split('"thought":"')[1].split('"')[0] for body in bodies] == ["0", "3600", "60"]


@given(st.uuids(version=4), st.integers(0, 2**48 - 2))
def test_a_new_epoch_sorts_after_the_one_before(uuid, milliseconds) -> None:
    before = str(type(uuid)(int=(milliseconds << 80) | (uuid.int & ((1 << 80) - 1))))
    assert new_epoch(before) > before
