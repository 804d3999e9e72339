"""What daphne leaves to us: a request that takes for ever is cut, one that is only slow to be answered is not."""

import asyncio
from collections.abc import Iterator
from time import monotonic

import pytest

from .processes import Daphne
from .servers import server_environment_now
from .sockets import PATIENCE, requests

pytestmark = pytest.mark.django_db(transaction=True)

#: In which a request has to arrive.
SECONDS = 1
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Daphne]:
    """A daphne where a request has one second to arrive."""
    environment = {
        **server_environment_now(),
        "DJANGO_SETTINGS_MODULE": "tests.strict_settings",
        "TEST_REQUEST_SECONDS": str(SECONDS),
    }
    with Daphne(tmp_path_factory.mktemp("strict"), environment) as server:
        yield server


async def answer(reader: asyncio.StreamReader) -> bytes:
    """What comes until the connection is cut, also while we were writing."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def dripped(server: Daphne, text: bytes) -> bytes:
    """What is answered to a text that comes byte by byte and never ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)

    async def drip() -> None:
        for byte in [*text, *b"a" * 10_000]:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    try:
        async with asyncio.timeout(PATIENCE):
            return await answer(reader)
    finally:
        dripping.cancel()
        writer.close()


@pytest.mark.parametrize(
    "text",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nX: ",
        b"POST /api/events/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n[",
    ],
    ids=["line", "header", "body"],
)
async def test_a_request_that_never_ends_is_cut(strict: Daphne, text: bytes) -> None:
    assert await dripped(strict, text) == b""


async def test_a_connection_without_a_request_is_cut(strict: Daphne) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", strict.port)
    async with asyncio.timeout(PATIENCE):
        assert await reader.read() == b""
    writer.close()


async def test_requests_one_after_the_other_have_their_time_each(strict: Daphne) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await answered_each_in_time(strict, 4):
            pass


async def answered_each_in_time(server: Daphne, times: int) -> bool:
    """Whether so many requests were answered on one connection. ``False``: we were too slow, and may be cut."""
    asked = monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        for _ in range(times):
            await asyncio.sleep(SECONDS / 2)
            before, asked = asked, monotonic()
            writer.write(HEAD + b"\r\n")
            if monotonic() - before >= SECONDS:
                return False
            await reader.readuntil(b'"status":"ok"}')
        return True
    finally:
        writer.close()


async def test_two_hundred_slow_ones_keep_nobody_waiting(strict: Daphne) -> None:
    opened = [await asyncio.open_connection("127.0.0.1", strict.port) for _ in range(200)]
    for _, writer in opened:
        writer.write(HEAD)
    async with requests(strict) as http, asyncio.timeout(PATIENCE):
        assert (await http.get("/healthz")).status_code == 200
        assert set(await asyncio.gather(*(answer(reader) for reader, _ in opened))) == {b""}
    for _, writer in opened:
        writer.close()
