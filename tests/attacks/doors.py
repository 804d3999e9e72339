"""The doors of a server, as an attacker tries them: each gives the code with which it refuses."""

from collections.abc import Sequence
from typing import Any

import msgspec
from websockets.exceptions import ConnectionClosed

from emitter.wire import SUBPROTOCOL

from ..processes import Daphne
from ..sockets import Client, open_socket, requests

OPEN = "open"


async def at_socket(
    server: Daphne, offered: Sequence[str] = (), headers: dict[str, str] | None = None, **query: Any
) -> str:
    """The reason with which a socket is closed; ``open`` when it is let in."""
    async with open_socket(server, [SUBPROTOCOL, *offered], headers, **query) as socket:
        try:
            await Client(socket).expect("hello")
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return closed.rcvd.reason
        return OPEN


async def at_http(server: Daphne, method: str, path: str, **request: Any) -> str:
    """The code of the problem that HTTP answers; ``open`` when it is none."""
    async with (
        requests(server) as http,
        http.stream(method, path, **request) as response,
    ):
        if response.headers["Content-Type"] != "application/problem+json":
            return OPEN if response.status_code < 400 else str(response.status_code)
        code: str = msgspec.json.decode(await response.aread())["code"]
        return code


async def at_all(server: Daphne, token: str) -> set[str]:
    """What a bearer meets at the socket, in its header and its subprotocol, at the stream and over HTTP."""
    headers = {"Authorization": f"Bearer {token}"}
    return {
        await at_socket(server, [f"bearer.{token}"]),
        await at_socket(server, headers=headers),
        await at_http(server, "GET", "/api/events/stream/", headers=headers),
        await at_http(server, "GET", "/api/events/", headers=headers),
        await at_http(server, "POST", "/api/events/", headers=headers, json={}),
        await at_http(server, "POST", "/api/tickets/", headers=headers),
    }
