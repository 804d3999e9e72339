"""Too many, too slow, too much: sockets, requests and frames that come to wear a server out."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from emitter.policy.identity import create_token

from ..processes import Daphne
from ..sockets import PATIENCE, Client, bearer, connect, emit_there, open_socket, requests
from .doors import at_http, at_socket

pytestmark = pytest.mark.django_db(transaction=True)

STRICT = {"DJANGO_SETTINGS_MODULE": "tests.strict_settings"}


@pytest.fixture
def strict(tmp_path: Path, server_environment: dict[str, str]) -> Iterator[Daphne]:
    """A server where an address may open one connection."""
    with Daphne(tmp_path, server_environment | STRICT | {"TEST_CONNECTIONS": "0.001"}) as server:
        yield server


@pytest.fixture
def hasty(tmp_path: Path, server_environment: dict[str, str]) -> Iterator[Daphne]:
    """A server where a request has four seconds to arrive, which is enough for one that is sent at once."""
    with Daphne(tmp_path, server_environment | STRICT | {"TEST_REQUEST_SECONDS": "4"}) as server:
        yield server


async def test_a_flood_of_sockets_is_refused_before_anybody_is_signed_in(strict: Daphne, key: str) -> None:
    answers = Counter(await asyncio.gather(*(at_socket(strict) for _ in range(100))))
    assert answers == {"not_authenticated": 1, "rate_exceeded": 99}
    headers = {"Authorization": f"Bearer {create_token(key, seconds=60)}"}
    assert await at_http(strict, "GET", "/api/events/stream/", headers=headers) == "rate_exceeded"
    assert await at_http(strict, "GET", "/api/events/", headers=headers) == "open"


async def test_a_flood_of_one_users_sockets_is_refused(daphne: Daphne, key: str) -> None:
    sockets = [open_socket(daphne, bearer(key)) for _ in range(60)]
    opened = await asyncio.gather(*(socket.__aenter__() for socket in sockets))
    heard = await asyncio.gather(*(socket.recv() for socket in opened), return_exceptions=True)
    assert sum(isinstance(said, str) for said in heard) == 20
    assert [closed.rcvd.reason for closed in heard if not isinstance(closed, str)] == ["too_many_sessions"] * 40
    await asyncio.gather(*(socket.close() for socket in opened))


async def test_slow_sockets_are_cut_and_keep_nobody_waiting(hasty: Daphne) -> None:
    async def begun() -> bytes:
        """What is answered to a handshake that never ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", hasty.port)
        writer.write(b"GET /ws/events/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        try:
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()

    slow = [asyncio.create_task(begun()) for _ in range(100)]
    async with requests(hasty) as http, asyncio.timeout(PATIENCE):
        assert (await http.get("/healthz")).status_code == 200
        assert set(await asyncio.gather(*slow)) == {b""}


async def test_a_flood_of_frames_ends_its_socket_and_no_other(daphne: Daphne, key: str, bob) -> None:
    async with connect(daphne, str(bob.pk)) as other, connect(daphne, key) as flood:
        with daphne.frozen():
            for _ in range(2_000):
                await flood.send("pong")
        assert (await flood.closed(), flood.reason) == (4429, "too_many_frames")
        await emit_there(daphne, str(bob.pk))
        assert await other.until(1) == [1]


@pytest.mark.parametrize(
    "frame", ["[" * 60_000, '{"type":"resume","after":' + "9" * 60_000, "x" * 500_000, '{"a":NaN}']
)
async def test_frames_that_are_large_deep_or_broken_end_their_socket(daphne: Daphne, key: str, frame: str) -> None:
    async with open_socket(daphne, bearer(key)) as socket:
        client = Client(socket)
        await client.expect("hello")
        await socket.send(frame)
        assert (await client.closed(), client.frames[-1]["code"]) == (4400, "bad_frame")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[" * 200_000, "payload_too_deep"),
        (b'{"user":"alice","run":"r","type":"agent_thinking","payload":' + b'{"a":' * 500 + b"1" + b"}" * 501,
         "payload_too_deep"),
        (b'{"user":"alice","run":"r","type":"agent_thinking","payload":{"a":Infinity}}', "payload_not_finite"),
        (b'{"user":"alice","run":"r","type":"agent_thinking","payload":{"a":"' + b"x" * 100_000 + b'"}}',
         "payload_too_large"),
        (b" " * 3_000_000, "payload_too_large"),
        (b"{}\n" * 2_000, "batch_too_large"),
    ],
    ids=["deep list", "deep payload", "infinity", "large payload", "large body", "many"],
)  # fmt: skip
async def test_bodies_that_are_large_deep_or_not_finite_are_refused(
    daphne: Daphne, key: str, body: bytes, code: str
) -> None:
    headers = {"Authorization": f"Bearer {create_token(key, seconds=60, emit=True)}"}
    assert await at_http(daphne, "POST", "/api/events/", headers=headers, content=body) == code
