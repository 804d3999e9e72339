"""Sign-in to AI answer, over a real server, with a plain WebSocket client and plain HTTP."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import msgspec
import pytest

from emitter.policy.identity import create_token
from emitter.policy.users import key_of

from .processes import Daphne
from .sockets import Client, connect, open_socket, requests

pytestmark = pytest.mark.django_db(transaction=True)
QUESTION = "What is 12.5 % of 480, and how did my last run end?"


@asynccontextmanager
async def signed_in(server: Daphne, name: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser's session: the login form, its cookies, and the CSRF token in a header."""
    async with requests(server) as http:
        form = await http.get("/accounts/login/")
        token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', form.text)[1]
        sent = {"username": name, "password": "demo", "csrfmiddlewaretoken": token}
        answer = await http.post("/accounts/login/", data=sent, headers={"Referer": server.url})
        assert answer.status_code == 302
        http.headers["X-CSRFToken"] = http.cookies["csrftoken"]
        yield http


def of_run(client: Client, run: str) -> list[dict]:
    """The events of a run, as far as they have come."""
    return [event for text in client.applied if (event := msgspec.json.decode(text))["run_id"] == run]


async def read_run(client: Client, run: str) -> list[dict]:
    """The events of a run, up to its end."""
    while True:
        events = of_run(client, run)
        for place, event in enumerate(events, 1):
            if event["type"] == "agent_completed":
                return events[:place]
        await client.receive()


async def test_alice_asks_and_bob_hears_nothing(live_server_process, alice, bob) -> None:
    server = live_server_process
    async with (
        signed_in(server, "alice") as http,
        connect(server, key_of(alice)) as client,
        connect(server, key_of(bob)) as other,
    ):
        started = await http.post("/api/runs/", json={"message": QUESTION})
        assert started.status_code == 202
        events = await read_run(client, started.json()["run_id"])
        assert [event["type"] for event in events] == [
            "agent_started",
            "agent_thinking",
            *["tool_executing", "tool_completed"] * 2,
            "agent_completed",
        ]
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        assert events[0]["payload"]["message"] == QUESTION
        assert "60" in events[-1]["payload"]["result"]["answer"]
        token = {"Authorization": f"Bearer {create_token(key_of(bob), seconds=60)}"}
        async with requests(server, headers=token) as of_bob:
            second = await of_bob.post("/api/runs/", json={"message": "1 + 1"})
        own = await read_run(other, second.json()["run_id"])
        assert [event["seq"] for event in own] == list(range(1, len(own) + 1))
        assert len(other.applied) == len(own)


async def test_a_session_cookie_opens_a_socket_from_its_own_page(live_server_process, alice) -> None:
    async with signed_in(live_server_process, "alice") as http:
        cookie = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
    headers = {"Cookie": cookie, "Origin": live_server_process.url}
    async with open_socket(live_server_process, ["agent-events.v1"], headers) as socket:
        assert msgspec.json.decode(await socket.recv())["type"] == "hello"


async def test_stop_really_stops(live_server_process, alice) -> None:
    async with signed_in(live_server_process, "alice") as http, connect(live_server_process, key_of(alice)) as client:
        run = (await http.post("/api/runs/", json={"message": "Count slowly to 60"})).json()["run_id"]
        await client.until(4)
        stopped = (await http.post(f"/api/runs/{run}/cancel/")).json()
        assert stopped["state"] == "cancelled"
        ending = (await read_run(client, run))[-1]
        assert (ending["payload"]["status"], ending["seq"]) == ("cancelled", stopped["last_seq"])
        again = (await http.post(f"/api/runs/{run}/cancel/")).json()
        assert again["last_seq"] == stopped["last_seq"]
        # Long enough for the stopped one to count on, if it could; one number may have been on its way.
        second = (await http.post("/api/runs/", json={"message": "Count slowly to 4"})).json()["run_id"]
        await read_run(client, second)
        assert sum(event["seq"] > ending["seq"] for event in of_run(client, run) if "thought" in event["payload"]) <= 1


async def test_a_cancel_frame_stops_too(live_server_process, alice) -> None:
    async with signed_in(live_server_process, "alice") as http, connect(live_server_process, key_of(alice)) as client:
        run = (await http.post("/api/runs/", json={"message": "Count slowly to 60"})).json()["run_id"]
        await client.until(3)
        await client.send("cancel", run_id=run)
        assert (await read_run(client, run))[-1]["payload"]["status"] == "cancelled"


async def test_the_page_needs_a_session(live_server_process) -> None:
    async with requests(live_server_process) as http:
        answer = await http.get("/")
        assert answer.status_code == 302
        form = (await http.get(answer.headers["Location"])).text
    assert 'name="username"' in form
    assert 'name="password"' in form


async def test_ten_questions_at_once(live_server_process, alice) -> None:
    async with signed_in(live_server_process, "alice") as http, connect(live_server_process, key_of(alice)) as client:
        asked = [http.post("/api/runs/", json={"message": f"What is {n} * {n}?"}) for n in range(10)]
        runs = [answer.json()["run_id"] for answer in await asyncio.gather(*asked)]
        for run in runs:
            assert len(await read_run(client, run)) == 5
        assert client.seqs == list(range(1, 51))


async def test_who_hangs_up_while_asking_does_not_spoil_the_run(live_server_process, alice) -> None:
    async with signed_in(live_server_process, "alice") as http, connect(live_server_process, key_of(alice)) as client:
        asked = [asyncio.create_task(http.post("/api/runs/", json={"message": f"{n} + 1"})) for n in range(10)]
        await client.receive()
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        started = (await http.post("/api/runs/", json={"message": "1 + 1"})).json()["run_id"]
        await read_run(client, started)
        assert "agent_error" not in {msgspec.json.decode(text)["type"] for text in client.applied}
