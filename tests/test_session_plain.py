"""Sessions of clients that do not speak the protocol."""

import time

import msgspec
import pytest

from emitter.delivery.speech import PLAIN

from .sockets import converse
from .streams import prune, stored, think

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_plain_client_gets_events_alone_with_the_epoch(key: str) -> None:
    await think(key, 3)
    async with converse(key, speech=PLAIN, after=0) as client:
        await client.until(3, ack=False)
        client.session.tick(time.monotonic() + 3_600)
        await think(key, 2)
        await client.until(5, ack=False)
    assert client.types == ["agent_thinking"] * 5
    assert [list(msgspec.json.decode(text))[:3] for text in client.applied] == [["type", "seq", "epoch"]] * 5


async def test_a_plain_client_is_told_of_no_gap_and_goes_on(key: str) -> None:
    await think(key, 5)
    await prune(key, 3)
    async with converse(key, speech=PLAIN, after=1, epoch="another") as client:
        client.position = 3
        assert await client.until(5, ack=False) == [4, 5]


async def test_what_a_plain_client_says_is_not_heard(key: str) -> None:
    async with converse(key, speech=PLAIN, after=0) as client:
        await client.send("nonsense")
        await think(key)
        assert await client.until(1, ack=False) == [1]


async def test_a_plain_clients_device_is_where_it_was_written_to(key: str) -> None:
    async with converse(key, speech=PLAIN, device="phone", after=0) as client:
        await think(key, 2)
        await client.until(2, ack=False)
    assert await stored(key) == 2
