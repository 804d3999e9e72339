"""Sessions while the database or Redis is away."""

import asyncio

import pytest

from .conftest import Configure
from .processes import PostgreSQL, Redis
from .sockets import converse
from .streams import becomes_stored, think

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.scaled
async def test_a_session_waits_for_a_log_that_is_away(
    key: str, postgres_server: PostgreSQL, configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    configure(REPAIR_SECONDS=0.02)
    await think(key, 3)
    async with converse(key) as client:
        postgres_server.stop()
        await client.send("resume", epoch=client.epoch, after=1)
        client.position = 1
        await said(caplog, "a session waits for the log")
        postgres_server.start()
        assert await client.until(3) == [2, 3]


@pytest.mark.scaled
async def test_a_live_session_outlasts_a_restart_of_the_database(
    key: str, postgres_server: PostgreSQL, configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    configure(REPAIR_SECONDS=0.02, EMIT_DEADLINE=60)
    async with converse(key) as client:
        postgres_server.stop()
        await said(caplog, "look_failed")
        postgres_server.start()
        await think(key)
        assert await client.until(1) == [1]


@pytest.mark.scaled
async def test_an_acknowledgement_that_could_not_be_stored_is_stored_later(
    key: str, postgres_server: PostgreSQL, configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    configure(REPAIR_SECONDS=0.02, ACK_SECONDS=0)
    async with converse(key, device="phone") as client:
        await think(key)
        await client.until(1, ack=False)
        postgres_server.stop()
        await client.send("ack", seq=1)
        await said(caplog, "look_failed")
        postgres_server.start()
        await becomes_stored(key, 1)


@pytest.mark.scaled
async def test_a_live_session_does_without_redis(key: str, redis_server: Redis, configure: Configure) -> None:
    configure(REPAIR_SECONDS=0.05)
    async with converse(key) as client:
        await client.until(await think(key))
        redis_server.stop()
        await client.until(await think(key))
        redis_server.start()
        assert await client.until(await think(key)) == [1, 2, 3]


@pytest.mark.scaled
async def test_a_session_may_begin_without_redis(key: str, redis_server: Redis, configure: Configure) -> None:
    configure(REPAIR_SECONDS=0.05)
    redis_server.stop()
    async with converse(key) as client:
        assert await client.until(await think(key)) == [1]


async def said(caplog: pytest.LogCaptureFixture, words: str) -> None:
    async with asyncio.timeout(60):
        while words not in caplog.text:
            await asyncio.sleep(0.01)
