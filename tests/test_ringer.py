"""What waits to be rung: one bell a stream that says what all of them say."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import reduce
from typing import Any

import pytest
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.testing import WebsocketCommunicator
from hypothesis import given
from hypothesis import strategies as st

from emitter import metrics
from emitter.bell import probe, ring, ringer, user_group
from emitter.bell.group import EVENT_BYTES, to_message
from emitter.bell.local import LocalChannelLayer, Message
from emitter.bell.ringer import Ringer, merge
from emitter.cursor import Growth

from .lossy_layer import LossyChannelLayer
from .sockets import PATIENCE
from .streams import epoch_of, texts, think

flushes = st.lists(st.integers(1, 4), min_size=1, max_size=6)


def growth(first: int, head: int, *, epoch: str = "e1", size: int = 4, bare: bool = False) -> Growth:
    bodies = () if bare else tuple(f"{seq:0{size}}" for seq in range(first, head + 1))
    return Growth("7", epoch, head if bare else first, head, bodies)


def test_one_bell_alone_says_itself() -> None:
    assert merge(None, growth(3, 5)) == growth(3, 5)


def test_bells_that_follow_each_other_become_one() -> None:
    assert merge(growth(3, 5), growth(6, 7)) == growth(3, 7)


def test_bells_with_a_hole_between_them_leave_it_to_the_log() -> None:
    assert merge(growth(3, 5), growth(7, 7)) == growth(7, 7, bare=True)


def test_bells_in_the_wrong_order_never_say_less_than_before() -> None:
    assert merge(growth(6, 7), growth(3, 5)).head == 7


def test_a_bell_without_events_makes_one_without() -> None:
    assert merge(growth(3, 5), growth(6, 6, bare=True)) == growth(6, 6, bare=True)


def test_what_grows_too_large_is_left_to_the_log() -> None:
    half = EVENT_BYTES // 2 + 1
    assert merge(growth(3, 3, size=half), growth(4, 4, size=half)) == growth(4, 4, bare=True)


def test_the_newer_epoch_holds() -> None:
    for old, new in [(growth(3, 9), growth(4, 4, epoch="e2")), (growth(4, 4, epoch="e2"), growth(3, 9))]:
        assert merge(old, new) == growth(4, 4, epoch="e2", bare=True)


@given(flushes, st.data())
def test_a_merged_bell_holds_exactly_its_events_and_the_highest_head(sizes: list[int], data: st.DataObject) -> None:
    heads = [sum(sizes[: index + 1]) for index in range(len(sizes))]
    bells = [growth(head - size + 1, head) for head, size in zip(heads, sizes, strict=True)]
    order = data.draw(st.permutations(bells).flatmap(lambda rung: st.lists(st.sampled_from(rung), min_size=1)))
    merged = reduce(merge, order)
    assert merged.head == max(bell.head for bell in order)
    assert merged == growth(merged.first, merged.head, bare=not merged.bodies)


@given(flushes)
def test_bells_in_order_lose_nothing(sizes: list[int]) -> None:
    heads = [sum(sizes[: index + 1]) for index in range(len(sizes))]
    bells = [growth(head - size + 1, head) for head, size in zip(heads, sizes, strict=True)]
    assert reduce(merge, bells) == growth(1, heads[-1])


# Ringing --------------------------------------------------------------------------------------------------------------


class TeamConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    """What a team may write: it joins the group of the user in its path and passes on what it hears."""

    async def connect(self) -> None:
        await self.channel_layer.group_add(user_group(self.scope["path"].strip("/")), self.channel_name)
        await self.accept()

    async def agent_events(self, message: dict[str, Any]) -> None:
        await self.send_json(message)


class DistantLayer(LocalChannelLayer):
    """Takes a moment for each message, as a layer across a network does."""

    async def group_send(self, group: str, message: Message) -> None:
        await asyncio.sleep(0)
        await super().group_send(group, message)


async def rung_out(ringer: Ringer) -> None:
    assert ringer.task is not None
    await ringer.task


@asynccontextmanager
async def team_socket(key: str = "7") -> AsyncIterator[WebsocketCommunicator]:
    """A consumer that a bell has reached, the last one: the first one after a restart of Redis is lost."""
    socket = WebsocketCommunicator(TeamConsumer.as_asgi(), f"/{key}/")
    await socket.connect(timeout=PATIENCE)
    heard, rung = 0, 0
    while heard < rung or not rung:
        if await socket.receive_nothing(timeout=1 if rung else 0):
            rung += 1
            ring([Growth(key, "", rung, rung)])
        else:
            heard = (await socket.receive_json_from())["head"]
    yield socket
    await socket.disconnect(timeout=PATIENCE)


async def test_a_teams_own_consumer_hears_the_documented_message() -> None:
    async with team_socket() as socket:
        ring([growth(3, 4)])
        assert await socket.receive_json_from(timeout=PATIENCE) == to_message(growth(3, 4))


@pytest.mark.django_db(transaction=True)
async def test_an_emit_is_heard_with_its_stored_texts(key: str) -> None:
    async with team_socket(key) as socket:
        await think(key, 2)
        said = await socket.receive_json_from(timeout=PATIENCE)
    assert said.pop("events") == await texts(key)
    assert said == {"type": "agent.events", "stream": key, "epoch": await epoch_of(key), "head": 2}


async def test_it_rings_from_any_thread() -> None:
    async with team_socket() as socket:
        await asyncio.to_thread(ring, [growth(3, 4)])
        assert (await socket.receive_json_from(timeout=PATIENCE))["head"] == 4


async def test_another_users_bell_is_not_heard() -> None:
    async with team_socket() as socket:
        ring([Growth("77", "e1", 1, 1, ["secret"])])
        ring([growth(3, 3)])
        assert (await socket.receive_json_from(timeout=PATIENCE))["stream"] == "7"


@pytest.mark.embedded
async def test_a_process_in_which_nobody_listens_rings_nobody() -> None:
    rung = metrics.value("emitter_bells_total")
    ring([growth(3, 4)])
    await asyncio.sleep(0)
    assert metrics.value("emitter_bells_total") == rung


def test_without_a_layer_there_is_nothing_to_ring(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {}
    failed = metrics.value("emitter_bell_failures_total")
    ring([growth(3, 4)])
    assert metrics.value("emitter_bell_failures_total") == failed


class RemoteLayer(LocalChannelLayer):
    """Stands for a layer on which a message may wait."""


async def test_bells_of_one_stream_that_wait_become_one() -> None:
    layer, ringer = RemoteLayer(), Ringer()
    rung = metrics.value("emitter_bells_total")
    await layer.group_add(user_group("7"), "ear")
    for seq in (3, 4, 5):
        ringer.add(layer, [growth(seq, seq)])
    assert await layer.receive("ear") == to_message(growth(3, 5))
    assert metrics.value("emitter_bells_total") == rung + 1


async def test_bells_that_come_while_one_is_sent_follow_it() -> None:
    layer, ringer = DistantLayer(), Ringer()
    await layer.group_add(user_group("7"), "ear")
    ringer.add(layer, [growth(3, 3)])
    await asyncio.sleep(0)
    ringer.add(layer, [growth(4, 4), growth(5, 5)])
    assert [(await layer.receive("ear"))["head"] for _ in range(2)] == [3, 5]


async def test_a_layer_that_is_down_costs_its_bells_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    layer, ringer = LossyChannelLayer(down=True), Ringer()
    failed = metrics.value("emitter_bell_failures_total")
    ringer.add(layer, [growth(3, 3), Growth("8", "e1", 1, 1, ["{}"])])
    await rung_out(ringer)
    assert metrics.value("emitter_bell_failures_total") == failed + 2
    assert "bell_failure: 2 bells lost (the layer is down)" in caplog.text


async def test_a_layer_that_comes_back_is_rung_again() -> None:
    layer, ringer = LossyChannelLayer(), Ringer()
    await layer.group_add(user_group("7"), "ear")
    layer.down = True
    ringer.add(layer, [growth(3, 3)])
    await rung_out(ringer)
    layer.down = False
    ringer.add(layer, [growth(4, 4)])
    assert (await layer.receive("ear"))["head"] == 4


async def test_the_probe_tells_whether_the_layer_answers(settings: Any) -> None:
    await probe()
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.lossy_layer.LossyChannelLayer", "CONFIG": {"down": True}}}
    with pytest.raises(ConnectionError):
        await probe()


async def test_a_layer_that_never_waits_is_rung_at_once() -> None:
    layer, ringer = LocalChannelLayer(), Ringer()
    await layer.group_add(user_group("7"), "ear")
    ringer.add(layer, [growth(3, 4)])
    assert ringer.task is None
    assert await layer.receive("ear") == to_message(growth(3, 4))


def test_the_end_of_a_process_does_not_wait_for_ever_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ringer, "GOODBYE_SECONDS", 0.01)
    go_on = threading.Event()
    ringer._own.get().call_soon_threadsafe(go_on.wait)
    try:
        ringer._finish()
    finally:
        go_on.set()
