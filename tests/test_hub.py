"""The ear of a server process, on the layer of the column."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from channels.layers import get_channel_layer

from emitter import metrics
from emitter.bell import hub, hub_here, ring, user_group
from emitter.bell.ringer import _ringers as ringers
from emitter.cursor import Growth

from .lossy_layer import LossyChannelLayer
from .processes import Redis
from .sockets import PATIENCE


class Ear:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.news: asyncio.Queue[Growth] = asyncio.Queue()

    def heard(self, growth: Growth) -> None:
        self.news.put_nowait(growth)

    async def next(self) -> Growth:
        """The next news, after those of :func:`listening`."""
        async with asyncio.timeout(PATIENCE):
            while (growth := await self.news.get()).head == 0:
                pass
        return growth

    async def last(self, head: int) -> None:
        """Waits for the news that reach ``head``, whatever comes before; a bell may wait for a lost connection."""
        while (await self.next()).head != head:
            pass


def growth(head: int, stream: str = "7") -> Growth:
    return Growth(stream, "e1", head, head, [f"#{head}"])


@asynccontextmanager
async def listening(stream: str = "7") -> AsyncIterator[Ear]:
    """An ear at the hub of this loop that a bell has reached, when none is under way to be merged with the next."""
    ear = Ear()
    await hub_here().join(stream, ear)
    async with asyncio.timeout(PATIENCE):
        while ear.news.empty() or ringing():
            if ear.news.empty():
                ring([growth(0, stream)])
            await asyncio.sleep(0.01)
    try:
        yield ear
    finally:
        await hub_here().leave(stream, ear)


def ringing() -> bool:
    """Whether a bell of this loop is on its way to the layer."""
    ringer = ringers.get(asyncio.get_running_loop())
    return ringer is not None and ringer.task is not None and not ringer.task.done()


async def test_a_bell_reaches_all_who_listen_to_its_stream_and_nobody_else() -> None:
    async with listening() as one, listening() as two, listening("8") as other:
        ring([growth(3), growth(1, "8")])
        assert await one.next() == await two.next() == growth(3)
        assert await other.next() == growth(1, "8")


async def test_whoever_left_hears_no_more() -> None:
    async with listening() as one:
        async with listening() as two:
            pass
        ring([growth(3)])
        assert await one.next() == growth(3)
    assert growth(3) not in [two.news.get_nowait() for _ in range(two.news.qsize())]


async def test_a_group_is_left_with_the_last_of_its_listeners(layer: LossyChannelLayer) -> None:
    async with listening("8"):
        async with listening(), listening():
            assert user_group("7") in layer.groups
        assert user_group("7") not in layer.groups


async def test_the_last_to_leave_ends_the_ear(layer: LossyChannelLayer) -> None:
    before = asyncio.all_tasks()
    async with listening():
        assert len(asyncio.all_tasks() - before) == 1
    assert asyncio.all_tasks() == before
    assert not layer.groups


class StubbornLayer(LossyChannelLayer):
    """Takes a moment for a new channel, and is not to be stopped then."""

    async def new_channel(self, prefix: str = "specific.") -> str:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.02)
        return await super().new_channel(prefix)


async def test_an_ear_ends_also_when_its_layer_swallows_the_cancellation(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.test_hub.StubbornLayer"}}
    before = asyncio.all_tasks()
    async with asyncio.timeout(PATIENCE):
        await hub_here().join("7", ear := Ear())
        await asyncio.sleep(0)
        await hub_here().leave("7", ear)
    assert asyncio.all_tasks() == before


async def test_who_comes_and_goes_quickly_leaves_a_hub_that_hears() -> None:
    for _ in range(20):
        await hub_here().join("7", ear := Ear())
        await asyncio.sleep(0)
        await hub_here().leave("7", ear)
    async with listening() as ear:
        ring([growth(3)])
        assert await ear.next() == growth(3)


async def test_whoever_comes_after_the_last_has_left_hears() -> None:
    async with listening():
        pass
    async with listening() as ear:
        ring([growth(3)])
        assert await ear.next() == growth(3)


async def test_news_from_elsewhere_are_handed_on() -> None:
    async with listening() as ear:
        hub_here().hear(growth(3))
        assert await ear.next() == growth(3)


async def test_messages_of_others_in_the_group_are_no_news() -> None:
    async with listening() as ear:
        layer = get_channel_layer()
        await layer.group_send(user_group("7"), {"type": "team.note", "text": "Lunch?"})
        ring([growth(3)])
        assert await ear.next() == growth(3)


async def test_a_message_that_cannot_be_read_costs_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "RETRY_SECONDS", 0.01)
    failed = metrics.value("emitter_bell_failures_total")
    async with listening():
        await get_channel_layer().group_send(user_group("7"), {"type": "agent.events"})
        await counted(failed + 1)
        async with listening() as ear:
            ring([growth(3)])
            assert await ear.next() == growth(3)


async def test_a_layer_that_is_down_at_first_is_joined_when_it_is_back(
    layer: LossyChannelLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "RETRY_SECONDS", 0.01)
    layer.down = True
    failed = metrics.value("emitter_bell_failures_total")
    ear = Ear()
    await hub_here().join("7", ear)
    await counted(failed + 2)
    layer.down = False
    async with listening() as second:
        ring([growth(3)])
        assert await second.next() == await ear.next() == growth(3)
    await hub_here().leave("7", ear)


async def test_a_group_that_could_not_be_joined_is_joined_later(layer: LossyChannelLayer) -> None:
    async with listening("8"):
        layer.down = True
        ear = Ear()
        await hub_here().join("7", ear)
        layer.down = False
        await hub_here().renew()
        ring([growth(3)])
        assert await ear.next() == growth(3)
        await hub_here().leave("7", ear)


async def test_a_group_that_the_layer_forgot_is_joined_again(layer: LossyChannelLayer, monkeypatch) -> None:
    async with listening() as ear:
        layer.forget_groups()
        await hub_here().renew()
        assert layer.groups == set()
        monkeypatch.setattr(hub, "RENEW_SECONDS", 0.0)
        await hub_here().renew()
        ring([growth(3)])
        assert await ear.next() == growth(3)


@pytest.mark.scaled
async def test_an_ear_that_heard_nothing_for_long_hears() -> None:
    async with listening() as ear:
        await asyncio.sleep(6.5)  # Redis clients of other settings give up after five seconds.
        ring([growth(3)])
        assert await ear.next() == growth(3)


@pytest.mark.scaled
async def test_an_ear_outlives_redis(redis_server: Redis) -> None:
    async with listening() as ear:
        redis_server.stop()
        ring([growth(3)])
        redis_server.start()
        news = asyncio.create_task(ear.last(4))
        while not news.done():
            ring([growth(4)])
            await asyncio.sleep(0.05)
        await news


@pytest.fixture
def layer(settings: Any) -> LossyChannelLayer:
    """A layer of this process whose inside can be seen."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.lossy_layer.LossyChannelLayer"}}
    layer: LossyChannelLayer = get_channel_layer()
    return layer


async def counted(failures: float) -> None:
    async with asyncio.timeout(PATIENCE):
        while metrics.value("emitter_bell_failures_total") < failures:
            await asyncio.sleep(0.005)
