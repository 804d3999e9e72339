"""Pages that come and leave: who leaves a place behind."""

from contextlib import AsyncExitStack
from functools import partial

import pytest

from emitter.blocking import run
from emitter.models import Device
from emitter.old_door import company
from emitter.old_door.company import seated
from emitter.old_door.guest import Guest
from emitter.old_door.sign_in import Kind
from emitter.policy.identity import Identity
from tests.streams import think

pytestmark = pytest.mark.django_db(transaction=True)


def page(key: str, kind: Kind = Kind.PAGE):
    return seated(key, kind, partial(Guest, Identity(key), kind, "flat"))


async def left(key: str) -> list[int]:
    """The places that were left behind."""
    places = Device.objects.filter(stream=key, name__contains="left").values_list("position", flat=True)
    return await run(lambda: list(places))


async def test_a_page_that_is_cut_leaves_its_place(key: str) -> None:
    await think(key, 3)
    async with page(key):
        pass
    assert (await left(key), company._companies) == ([3], {})


async def test_a_page_that_was_back_before_its_cut_was_known_leaves_none(key: str) -> None:
    await think(key, 3)
    async with AsyncExitStack() as other:
        async with page(key):
            await other.enter_async_context(page(key))
        assert await left(key) == []
    assert await left(key) == [3]


async def test_pages_at_other_places_are_no_heirs(key: str) -> None:
    async with AsyncExitStack() as other:
        async with page(key):
            await think(key, 3)
            guest = await other.enter_async_context(page(key))
            guest.seat = guest.seat.__class__(guest.seat.device, guest.seat.epoch, 3)
        assert await left(key) == [0]


async def test_who_came_before_is_no_heir(key: str) -> None:
    async with AsyncExitStack() as first:
        await first.enter_async_context(page(key))
        async with page(key):
            pass
        assert await left(key) == [0]


async def test_a_program_keeps_its_one_place_unless_it_says_goodbye(key: str) -> None:
    async with page(key, Kind.PROGRAM):
        pass
    assert await run(Device.objects.filter(stream=key).count) == 1
    async with page(key, Kind.PROGRAM) as guest:
        guest._left_with = 1000
    assert await run(Device.objects.filter(stream=key).count) == 0
