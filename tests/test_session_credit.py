"""What a client acknowledges is remembered for its device, and buys it more."""

import time
import tracemalloc

import pytest

from .conftest import Configure
from .sockets import converse
from .streams import becomes_stored, stored, think

pytestmark = pytest.mark.django_db(transaction=True)


# Acknowledging --------------------------------------------------------------------------------------------------------


async def test_an_acknowledgement_is_remembered_when_the_session_ends(key: str) -> None:
    async with converse(key, device="phone") as client:
        await think(key, 3)
        await client.until(3, ack=False)
        await client.send("ack", seq=2)
    assert await stored(key) == 2


async def test_an_acknowledgement_is_remembered_while_the_session_goes_on(key: str, configure: Configure) -> None:
    configure(REPAIR_SECONDS=0.02, ACK_SECONDS=0)
    async with converse(key, device="phone") as client:
        await think(key)
        await client.until(1)
        await becomes_stored(key, 1)


async def test_an_acknowledgement_above_what_was_written_is_ignored(key: str) -> None:
    async with converse(key, device="phone") as client:
        await think(key)
        await client.until(1)
        await client.send("ack", seq=2)
        assert (await client.receive())["code"] == "bad_ack"
    assert await stored(key) == 1


async def test_sessions_share_a_device_and_the_highest_counts(key: str) -> None:
    await think(key, 9)
    async with converse(key, device="phone", after=0) as one, converse(key, device="phone", after=0) as two:
        await one.until(9, ack=False)
        await two.until(9, ack=False)
        await one.send("ack", seq=7)
        await two.send("ack", seq=4)
    assert await stored(key) == 7


async def test_a_new_device_is_remembered_where_it_began(key: str) -> None:
    await think(key, 3)
    async with converse(key, device="phone"):
        pass
    assert await stored(key) == 3


# Credit ---------------------------------------------------------------------------------------------------------------


async def test_without_acknowledgement_a_session_waits(key: str, configure: Configure) -> None:
    configure(CREDIT_EVENTS=3)
    await think(key, 8)
    async with converse(key, after=0) as client:
        assert await client.until(3, ack=False) == [1, 2, 3]
        await client.send("ack", seq=2)
        assert await client.until(5, ack=False) == [1, 2, 3, 4, 5]


async def test_bytes_are_credit_too(key: str, configure: Configure) -> None:
    configure(CREDIT_BYTES=2_000)
    await think(key, 8, thought="x" * 500)
    async with converse(key, after=0) as client:
        await client.send("filter")
        assert await client.until(2, ack=False) == [1, 2]
        await client.send("ack", seq=2)
        assert (await client.until(4, ack=False))[-1] == 4


async def test_while_it_waits_for_credit_a_session_keeps_no_events(key: str, configure: Configure) -> None:
    configure(CREDIT_EVENTS=1)
    async with converse(key) as client:
        await think(key)
        await client.until(1, ack=False)
        tracemalloc.start()
        for _ in range(100):
            await think(key, thought="x" * 30_000)
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await client.send("ack", seq=1)
        assert len(await client.until(101)) == 101
    assert kept < 1_000_000


async def test_an_event_larger_than_the_credit_comes_all_the_same(key: str, configure: Configure) -> None:
    configure(CREDIT_BYTES=100)
    await think(key, 2, thought="x" * 500)
    async with converse(key, after=0) as client:
        assert await client.until(2) == [1, 2]


async def test_who_never_acknowledges_is_closed_as_too_slow(key: str, configure: Configure) -> None:
    configure(CREDIT_EVENTS=2, CREDIT_SECONDS=0.05, REPAIR_SECONDS=0.02)
    await think(key, 5)
    async with converse(key, after=0) as client:
        assert await client.closed() == 4408
    assert client.seqs == [1, 2]


async def test_who_was_too_slow_resumes_without_a_hole(key: str, configure: Configure) -> None:
    configure(CREDIT_EVENTS=2, CREDIT_SECONDS=0.05, REPAIR_SECONDS=0.02)
    await think(key, 5)
    async with converse(key, after=0) as slow:
        await slow.closed()
    async with converse(key, after=slow.position, epoch=slow.epoch) as client:
        assert await client.until(5) == [3, 4, 5]


async def test_who_acknowledges_is_never_too_slow(key: str, configure: Configure) -> None:
    configure(CREDIT_EVENTS=2)
    await think(key, 2)
    async with converse(key, after=0) as client:
        await client.until(2)
        client.session.tick(time.monotonic() + 3_600)
        await think(key)
        assert await client.until(3) == [1, 2, 3]
