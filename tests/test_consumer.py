"""The door ``/ws/events/`` over real sockets: who comes in, how, and with what code they are shown out."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from websockets.exceptions import ConnectionClosed, InvalidStatus

from emitter.blocking import run
from emitter.context import RunContext
from emitter.events import AgentStarted
from emitter.policy import tickets
from emitter.policy.identity import create_token
from emitter.policy.users import key_of
from emitter.service import emitter
from emitter.wire import SUBPROTOCOL

from .processes import Daphne
from .sockets import Client, bearer, connect, emit_there, open_socket
from .streams import epoch_of, texts

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def key(alice: User) -> str:
    return key_of(alice)


@pytest.fixture
def cookie(alice: User, client: Browser) -> str:
    """Alice's session, as her browser sends it."""
    client.force_login(alice)
    return f"sessionid={client.cookies['sessionid'].value}"


async def hello(socket: Any) -> str:
    async with socket as opened:
        return str((await Client(opened).receive())["type"])


async def refusal(socket: Any) -> int:
    """The close code that a client which is let in and shown out can read."""
    async with socket as opened:
        return await Client(opened).closed()


# Signing in -----------------------------------------------------------------------------------------------------------


async def test_a_token_beside_the_protocol_opens(daphne: Daphne, key: str) -> None:
    async with open_socket(daphne, bearer(key)) as socket:
        assert socket.subprotocol == SUBPROTOCOL
        assert (await Client(socket).receive())["type"] == "hello"


async def test_a_token_in_the_header_opens(daphne: Daphne, key: str) -> None:
    headers = {"Authorization": f"Bearer {create_token(key, seconds=60)}"}
    assert await hello(open_socket(daphne, [SUBPROTOCOL], headers)) == "hello"


async def test_a_ticket_beside_the_protocol_opens(daphne: Daphne, key: str) -> None:
    secret = await run(tickets.issue, key)
    assert await hello(open_socket(daphne, [SUBPROTOCOL, f"ticket.{secret}"])) == "hello"


async def test_a_ticket_in_the_address_opens_once(daphne: Daphne, key: str) -> None:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {create_token(key, seconds=60)}"}) as http:
        secret = (await http.post(f"{daphne.url}/api/tickets/")).json()["ticket"]
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
        assert await refusal(open_socket(daphne, bearer(key))) == 4429


# Talking --------------------------------------------------------------------------------------------------------------


async def test_events_arrive_as_they_are_stored(daphne: Daphne, key: str) -> None:
    async with connect(daphne, key) as client:
        await emit_there(daphne, key)
        await emit_there(daphne, key, 10)
        assert await client.until(11) == list(range(1, 12))
    assert client.types == ["hello", "agent_thinking", "batch"]
    assert client.applied == await texts(key)


async def test_nobody_hears_what_is_not_theirs(daphne: Daphne, key: str, bob: User) -> None:
    async with connect(daphne, key) as alice, connect(daphne, key_of(bob), after=0, device=key) as other:
        await emit_there(daphne, key, 3)
        await emit_there(daphne, key_of(bob))
        await alice.until(3)
        await other.until(1)
    assert [other.types, other.applied] == [["hello", "agent_thinking"], await texts(key_of(bob))]


async def test_a_plain_client_reads_one_event_a_frame(daphne: Daphne, key: str) -> None:
    headers = {"Authorization": f"Bearer {create_token(key, seconds=60)}"}
    async with open_socket(daphne, headers=headers, after=0) as socket:
        assert socket.subprotocol is None
        client = Client(socket)
        await emit_there(daphne, key, 3)
        await client.until(3, ack=False)
    assert client.types == ["agent_thinking"] * 3
    assert {(frame["epoch"], "seq" in frame) for frame in client.frames} == {(await epoch_of(key), True)}


async def test_a_run_is_cancelled_from_the_socket(daphne: Daphne, key: str) -> None:
    async with connect(daphne, key, after=0) as client:
        await emitter.aemit(RunContext(key, run_id="run-1"), AgentStarted("Why?"))
        await client.send("cancel", run_id="run-1")
        await client.until(2)
    assert '"type":"agent_completed"' in client.applied[1]
    assert '"payload":{"status":"cancelled"}' in client.applied[1]


@pytest.mark.parametrize("run_id", ["run-1", "unknown", "", "\x00"])
async def test_a_run_that_is_not_ones_own_is_not_there(daphne: Daphne, key: str, bob: User, run_id: str) -> None:
    await emitter.aemit(RunContext(key_of(bob), run_id="run-1"), AgentStarted("Why?"))
    async with connect(daphne, key) as client:
        await client.send("cancel", run_id=run_id)
        assert (await client.receive())["code"] == "not_found"
        await emit_there(daphne, key)
        assert await client.until(1) == [1]


async def test_a_newer_token_renews_the_session(daphne: Daphne, key: str) -> None:
    async with open_socket(daphne, bearer(key, seconds=25)) as socket:
        client = Client(socket)
        first = await client.expect("expiring")
        await client.send("auth", token=create_token(key, seconds=20))
        second = await client.expect("expiring")
    assert second["in"] < 20 < first["in"] <= 25


async def test_a_token_that_does_not_renew_is_told(daphne: Daphne, key: str, bob: User) -> None:
    async with connect(daphne, key) as client:
        for token in (create_token(key_of(bob), seconds=60), create_token(key, seconds=-1), "nonsense"):
            await client.send("auth", token=token)
            await client.receive()
        assert [frame["code"] for frame in client.frames[1:]] == ["forbidden", "token_expired", "not_authenticated"]


async def test_the_end_of_a_token_is_the_end_of_the_session(daphne: Daphne, key: str) -> None:
    async with open_socket(daphne, bearer(key, seconds=1)) as socket:
        assert await Client(socket).closed() == 4401


async def test_an_unknown_frame_is_told_and_a_bad_one_ends_the_session(daphne: Daphne, key: str) -> None:
    async with connect(daphne, key) as client:
        await client.send("subscribe")
        await client.send("ack", seq=99)
        await client.send("pong", seq="none")
        assert await client.closed() == 4400
    assert [frame.get("code") for frame in client.frames[1:]] == ["unknown_frame", "bad_ack", "bad_frame"]


@pytest.mark.parametrize("said", [b"\xff\xfe", b"{}", "", "[" * 100_000], ids=["bytes", "object", "empty", "deep"])
async def test_what_is_no_frame_ends_the_session(daphne: Daphne, key: str, said: str | bytes) -> None:
    async with open_socket(daphne, bearer(key)) as socket:
        await socket.send(said)
        client = Client(socket)
        assert await client.closed() == 4400
    assert client.frames[-1]["code"] == "bad_frame"


async def test_frames_may_come_as_bytes(daphne: Daphne, key: str) -> None:
    async with open_socket(daphne, bearer(key)) as socket:
        await socket.send(b'{"type":"subscribe"}')
        assert (await Client(socket).expect("error"))["code"] == "unknown_frame"
