"""Server-Sent Events over a real server: the same session in another dress."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest

from emitter import log
from emitter.delivery.sse import place
from emitter.errors import EventRefused
from emitter.policy import tickets
from emitter.policy.identity import create_token
from emitter.policy.users import key_of

from .processes import Daphne
from .sockets import emit_there, requests
from .streams import becomes_stored, epoch_of, think

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/api/events/stream/"


@pytest.fixture
def key(alice) -> str:
    return key_of(alice)


class Stream:
    """Reads messages as a browser's EventSource does."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()
        self.last_id = ""

    async def receive(self) -> tuple[str, dict[str, Any]]:
        """The next message's name and data, `message` for an event."""
        name = "message"
        async for line in self._lines:
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "id":
                self.last_id = value
            elif field == "data":
                return name, msgspec.json.decode(value)
        raise EOFError

    async def events(self, count: int) -> list[dict[str, Any]]:
        """The next events, whatever control messages come between."""
        events: list[dict[str, Any]] = []
        while len(events) < count:
            name, data = await self.receive()
            events += [data] if name == "message" else []
        return events


@asynccontextmanager
async def listen(server: Daphne, key: str | None, headers: Any = (), **query: Any) -> AsyncIterator[Stream]:
    bearer = {"Authorization": f"Bearer {create_token(key, seconds=3_600)}"} if key else {}
    async with (
        requests(server) as http,
        http.stream("GET", PATH, params=query, headers={**bearer, **dict(headers)}) as response,
    ):
        yield Stream(response)


async def test_hello_replay_and_live(live_server_process, key) -> None:
    await think(key, 3)
    async with listen(live_server_process, key, after=0) as stream:
        assert stream.response.headers["content-type"] == "text/event-stream"
        assert (await stream.receive())[0] == "hello"
        await emit_there(live_server_process, key, 2)
        assert [event["seq"] for event in await stream.events(5)] == [1, 2, 3, 4, 5]


async def test_the_last_id_resumes_without_hole_or_repeat(live_server_process, key) -> None:
    await think(key, 5)
    async with listen(live_server_process, key, after=0) as stream:
        await stream.events(2)
        last = stream.last_id
    async with listen(live_server_process, key, {"Last-Event-ID": last}) as stream:
        assert [event["seq"] for event in await stream.events(3)] == [3, 4, 5]


async def test_a_device_is_where_its_client_says_it_was(live_server_process, key) -> None:
    await think(key, 5)
    async with listen(live_server_process, key, after=0, device="phone") as stream:
        await stream.events(5)
    async with listen(live_server_process, key, after=2, epoch=await epoch_of(key), device="phone"):
        await becomes_stored(key, 2)


async def test_another_epoch_is_told_as_a_gap(live_server_process, key) -> None:
    await think(key, 2)
    async with listen(live_server_process, key, {"Last-Event-ID": "another:9"}) as stream:
        await stream.receive()
        name, gap = await stream.receive()
        assert (name, gap["reason"], gap["first"]) == ("gap", "epoch", 1)
        assert stream.last_id == ""


async def test_the_same_text_as_in_the_log(live_server_process, key) -> None:
    await think(key, 1)
    async with listen(live_server_process, key, after=0) as stream:
        (event,) = await stream.events(1)
    (stored,) = await log.aread_after(key, 0)
    assert msgspec.json.encode(event).decode() == stored.body


async def test_a_ticket_opens_one_stream(live_server_process, key) -> None:
    from emitter import blocking

    ticket = await blocking.run(tickets.issue, key)
    async with listen(live_server_process, None, ticket=ticket) as stream:
        assert (await stream.receive())[0] == "hello"
    async with listen(live_server_process, None, ticket=ticket) as again:
        assert again.response.status_code == 401


async def test_nobody_elses_events(live_server_process, key, bob) -> None:
    await think(key, 2)
    async with listen(live_server_process, key_of(bob), after=0) as stream:
        await emit_there(live_server_process, key_of(bob), 1)
        (event,) = await stream.events(1)
        assert event["seq"] == 1
        assert event["run_id"] != "run of alice"


async def test_without_a_sign_in_it_is_a_problem(live_server_process) -> None:
    async with listen(live_server_process, None) as stream:
        assert stream.response.status_code == 401
        assert stream.response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("text", ["", "7x", "e:", "e:-1", "e:1.5", "e:" + "9" * 30])
def test_a_malformed_last_id_is_refused(text: str) -> None:
    with pytest.raises(EventRefused):
        place(text)
