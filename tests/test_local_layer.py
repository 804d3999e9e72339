"""The channel layer specification's own cases, on our layer and, where it keeps them, on Channels' own."""

import asyncio
from typing import Any

import pytest
from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer, InMemoryChannelLayer

from emitter.bell.local import LocalChannelLayer

from .lossy_layer import LossyChannelLayer

both = pytest.mark.parametrize("make", [LocalChannelLayer, LossyChannelLayer, InMemoryChannelLayer])
ours = pytest.mark.parametrize("make", [LocalChannelLayer, LossyChannelLayer])

HELLO = {"type": "test.hello", "text": "Hello"}


async def received(layer: BaseChannelLayer, channel: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        message: dict[str, Any] = await layer.receive(channel)
        return message


async def is_empty(layer: BaseChannelLayer, channel: str) -> bool:
    """Whether nothing waits in a channel, seen from the next message that comes."""
    await layer.send(channel, {"type": "test.last"})
    return bool((await received(layer, channel))["type"] == "test.last")


@both
async def test_what_is_sent_is_received_once_and_in_order(make: Any) -> None:
    layer = make()
    for number in range(5):
        await layer.send("ear", {"type": "test.number", "number": number})
    assert [(await received(layer, "ear"))["number"] for _ in range(5)] == [0, 1, 2, 3, 4]
    assert await is_empty(layer, "ear")


@both
async def test_whoever_waits_is_woken(make: Any) -> None:
    layer = make()
    waiting = asyncio.create_task(received(layer, "ear"))
    await asyncio.sleep(0)
    await layer.send("ear", HELLO)
    assert await waiting == HELLO


@both
async def test_new_channels_are_valid_and_all_different(make: Any) -> None:
    layer = make()
    channels = {await layer.new_channel() for _ in range(100)}
    assert len(channels) == 100
    assert all(layer.require_valid_channel_name(channel) for channel in channels)


@both
async def test_a_group_reaches_each_of_its_channels_once(make: Any) -> None:
    layer = make()
    for channel in ("one", "two", "two"):
        await layer.group_add("all", channel)
    await layer.group_send("all", HELLO)
    for channel in ("one", "two"):
        assert await received(layer, channel) == HELLO
        assert await is_empty(layer, channel)


@both
async def test_whoever_left_a_group_hears_no_more(make: Any) -> None:
    layer = make()
    await layer.group_add("all", "one")
    await layer.group_add("all", "two")
    await layer.group_discard("all", "two")
    await layer.group_send("all", HELLO)
    assert await received(layer, "one") == HELLO
    assert await is_empty(layer, "two")


@both
async def test_a_group_without_members_takes_messages_and_farewells(make: Any) -> None:
    layer = make()
    await layer.group_send("nobody", HELLO)
    await layer.group_discard("nobody", "one")
    await layer.group_add("nobody", "one")
    assert await is_empty(layer, "one")


@both
async def test_a_full_channel_refuses(make: Any) -> None:
    layer = make(capacity=2)
    for _ in range(2):
        await layer.send("ear", HELLO)
    with pytest.raises(ChannelFull):
        await layer.send("ear", HELLO)
    await received(layer, "ear")
    await layer.send("ear", HELLO)


@both
async def test_a_group_passes_by_its_full_channels(make: Any) -> None:
    layer = make(capacity=1)
    for channel in ("full", "free"):
        await layer.group_add("all", channel)
    await layer.send("full", {"type": "test.first"})
    await layer.group_send("all", HELLO)
    assert await received(layer, "free") == HELLO
    assert [await received(layer, "full"), await is_empty(layer, "full")] == [{"type": "test.first"}, True]


@ours
async def test_some_channels_may_hold_more_than_others(make: Any) -> None:
    layer = make(capacity=1, channel_capacity={"http.*": 2})
    for _ in range(2):
        await layer.send("http.request", HELLO)
    await layer.send("ear", HELLO)
    for channel in ("http.request", "ear"):
        with pytest.raises(ChannelFull):
            await layer.send(channel, HELLO)


@both
async def test_a_message_that_nobody_took_in_time_is_gone(make: Any) -> None:
    layer = make(expiry=-1)
    await layer.send("ear", HELLO)
    layer.expiry = 60
    await layer.send("ear", {"type": "test.second"})
    assert await received(layer, "ear") == {"type": "test.second"}


@ours
async def test_a_channel_whose_message_expired_stays_in_its_groups(make: Any) -> None:
    layer = make(expiry=-1)
    await layer.group_add("all", "ear")
    await layer.group_send("all", {"type": "test.first"})
    layer.expiry = 60
    await layer.group_send("all", HELLO)
    assert await received(layer, "ear") == HELLO


@both
async def test_what_one_receiver_does_to_a_message_another_does_not_see(make: Any) -> None:
    layer = make()
    sent = {"type": "test.list", "list": [1, 2]}
    for channel in ("one", "two"):
        await layer.group_add("all", channel)
    await layer.group_send("all", sent)
    sent["list"].append(3)  # type: ignore[attr-defined]
    (await received(layer, "one"))["list"].clear()
    assert await received(layer, "two") == {"type": "test.list", "list": [1, 2]}


@both
@pytest.mark.parametrize("name", ["", "a b", "a/b", "é", "a@b", "a" * 100, "a\x00", None, 7, b"a"])
async def test_a_name_that_is_not_valid_is_refused(make: Any, name: Any) -> None:
    layer = make()
    for call in (
        layer.send(name, HELLO),
        layer.receive(name),
        layer.group_add(name, "ear"),
        layer.group_add("all", name),
        layer.group_discard(name, "ear"),
        layer.group_send(name, HELLO),
    ):
        with pytest.raises(TypeError):
            await call


@both
async def test_flush_forgets_everything(make: Any) -> None:
    layer = make()
    await layer.group_add("all", "ear")
    await layer.send("ear", {"type": "test.first"})
    await layer.flush()
    await layer.group_send("all", {"type": "test.second"})
    assert await is_empty(layer, "ear")


@ours
async def test_a_receiver_that_is_cancelled_gives_up_its_channel(make: Any) -> None:
    layer = make()
    await layer.group_add("all", "ear")
    waiting = asyncio.create_task(layer.receive("ear"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    await layer.group_send("all", HELLO)
    assert await is_empty(layer, "ear")


@ours
async def test_it_remembers_the_loop_that_uses_it_and_no_other(make: Any) -> None:
    layer = make()
    assert layer.loop is None
    await asyncio.to_thread(asyncio.run, layer.group_add("all", "elsewhere"))
    assert layer.loop is None
    await layer.group_add("all", "ear")
    assert layer.loop is asyncio.get_running_loop()
