"""Who comes in at ``/ws/events/``, how, and with what code the others are shown out; over real sockets."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from websockets.exceptions import ConnectionClosed, InvalidStatus

from emitter.blocking import run
from emitter.errors import CODES
from emitter.policy import tickets
from emitter.policy.identity import create_token
from emitter.wire import SUBPROTOCOL

from .processes import Daphne
from .sockets import Client, bearer, connect, open_socket, requests

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cookie(alice: User, client: Browser) -> str:
    """Alice's session, as her browser sends it."""
    client.force_login(alice)
    return f"sessionid={client.cookies['sessionid'].value}"


async def hello(socket: Any) -> str:
    async with socket as opened:
        return str((await Client(opened).receive())["type"])


async def refusal(socket: Any) -> int:
    """The close code that a client which is let in and shown out can read, with the stable code of why beside it."""
    async with socket as opened:
        client = Client(opened)
        closed = await client.closed()
        assert client.reason in CODES
        return closed


async def test_a_token_beside_the_protocol_opens(daphne: Daphne, key: str) -> None:
    async with open_socket(daphne, bearer(key)) as socket:
        assert socket.subprotocol == SUBPROTOCOL
        assert (await Client(socket).receive())["type"] == "hello"


async def test_a_token_in_the_header_opens(daphne: Daphne, key: str) -> None:
    headers = {"Authorization": f"Bearer {create_token(key, seconds=3_600)}"}
    assert await hello(open_socket(daphne, [SUBPROTOCOL], headers)) == "hello"


async def test_a_ticket_beside_the_protocol_opens(daphne: Daphne, key: str) -> None:
    secret = await run(tickets.issue, key)
    assert await hello(open_socket(daphne, [SUBPROTOCOL, f"ticket.{secret}"])) == "hello"


async def test_a_ticket_in_the_address_opens_once(daphne: Daphne, key: str) -> None:
    async with requests(daphne, headers={"Authorization": f"Bearer {create_token(key, seconds=3_600)}"}) as http:
        secret = (await http.post("/api/tickets/")).json()["ticket"]
    assert await hello(open_socket(daphne, [SUBPROTOCOL], ticket=secret)) == "hello"
    assert await refusal(open_socket(daphne, [SUBPROTOCOL], ticket=secret)) == 4401


async def test_of_twenty_sockets_with_one_ticket_one_opens(daphne: Daphne, key: str) -> None:
    secret = await run(tickets.issue, key)

    async def knock() -> str | int:
        try:
            return await hello(open_socket(daphne, [SUBPROTOCOL, f"ticket.{secret}"]))
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006

    answers = await asyncio.gather(*[knock() for _ in range(20)])
    assert Counter(answers) == {"hello": 1, 4401: 19}


async def test_a_cookie_from_a_page_of_ours_opens(daphne: Daphne, cookie: str) -> None:
    assert await hello(open_socket(daphne, [SUBPROTOCOL], {"Cookie": cookie, "Origin": daphne.url})) == "hello"


async def test_a_cookie_from_a_foreign_page_is_refused_before_it_is_let_in(daphne: Daphne, cookie: str) -> None:
    for origin in ("https://evil.example", "null"):
        with pytest.raises(InvalidStatus) as refused:
            await open_socket(daphne, [SUBPROTOCOL], {"Cookie": cookie, "Origin": origin})
        assert refused.value.response.status_code == 403


async def test_a_token_needs_no_origin_of_ours(daphne: Daphne, key: str) -> None:
    assert await hello(open_socket(daphne, bearer(key), {"Origin": "https://evil.example"})) == "hello"


async def test_a_cookie_without_an_origin_is_not_enough(daphne: Daphne, cookie: str) -> None:
    assert await refusal(open_socket(daphne, [SUBPROTOCOL], {"Cookie": cookie})) == 4401


@pytest.mark.parametrize(
    "attempt",
    [
        {},
        {"offered": [SUBPROTOCOL]},
        {"offered": [SUBPROTOCOL, "bearer.nonsense"]},
        {"offered": [SUBPROTOCOL, "bearer."]},
        {"offered": [SUBPROTOCOL, "ticket.nonsense"]},
        {"offered": [SUBPROTOCOL], "ticket": "nonsense"},
        {"headers": {"Authorization": "Bearer nonsense"}},
        {"headers": {"Authorization": "Basic YWxpY2U6ZGVtbw=="}},
    ],
    ids=str,
)
async def test_who_is_not_known_is_let_in_to_be_told_so(daphne: Daphne, attempt: dict[str, Any]) -> None:
    assert await refusal(open_socket(daphne, **attempt)) == 4401


async def test_the_reason_of_a_close_is_its_code(daphne: Daphne) -> None:
    async with open_socket(daphne, [SUBPROTOCOL]) as socket:
        await Client(socket).closed()
    assert (socket.close_code, socket.close_reason) == (4401, "not_authenticated")


async def test_a_signed_out_browser_is_told_so(daphne: Daphne, cookie: str, client: Browser) -> None:
    await run(client.logout)
    headers = {"Cookie": cookie, "Origin": daphne.url}
    assert await refusal(open_socket(daphne, [SUBPROTOCOL], headers)) == 4401


async def test_an_expired_token_is_refused(daphne: Daphne, key: str) -> None:
    assert await refusal(open_socket(daphne, bearer(key, seconds=-1))) == 4401


@pytest.mark.parametrize(
    "query",
    [
        {"after": "one"},
        {"after": "-1"},
        {"after": "²"},
        {"after": "9" * 19},
        {"device": " phone"},
        {"device": "x" * 201},
        {"device": "\x00"},
        {f"name{number}": "x" for number in range(30)},
    ],
    ids=lambda query: repr(query)[:30],
)
async def test_an_address_that_makes_no_sense_is_refused(daphne: Daphne, key: str, query: dict[str, str]) -> None:
    assert await refusal(open_socket(daphne, bearer(key), None, **query)) == 4400


async def test_one_socket_too_many_is_told_to_stay_away(daphne: Daphne, key: str) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(20):
            await stack.enter_async_context(connect(daphne, key))
        async with open_socket(daphne, bearer(key)) as socket:
            client = Client(socket)
            assert await client.closed() == 4429
    assert (client.frames, client.reason) == ([], "too_many_sessions")
