"""What is another user's: their events, runs and groups, their tier, and the lines of a log."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from emitter.bell.group import user_group
from emitter.blocking import run
from emitter.context import RunContext
from emitter.events import AgentStarted, Custom
from emitter.log import run_of
from emitter.models import Event
from emitter.policy.identity import create_token
from emitter.policy.users import key_of
from emitter.service import emitter

from ..processes import Daphne
from ..sockets import connect, converse, emit_there, requests
from ..streams import think
from .doors import at_http

pytestmark = pytest.mark.django_db(transaction=True)


def of(key: str, **rights: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {create_token(key, seconds=60, **rights)}"}


@pytest.fixture
async def run_of_alice(key: str) -> str:
    await emitter.aemit(RunContext(key, run_id="run-1"), AgentStarted("Mine"))
    return "run-1"


async def test_the_history_of_another_is_refused(daphne: Daphne, bob: User, key: str, run_of_alice: str) -> None:
    headers = of(key_of(bob))
    assert await at_http(daphne, "GET", f"/api/events/?user={key}", headers=headers) == "forbidden"
    assert await at_http(daphne, "GET", f"/api/runs/{run_of_alice}/", headers=headers) == "not_found"
    async with requests(daphne, headers=headers) as http:
        for query in ("?run_id=run-1", "?after=0&limit=1000", "?stream=1&key=1&user_id=1"):
            assert (await http.get(f"/api/events/{query}")).json()["events"] == []


async def test_the_stream_of_another_is_ones_own(daphne: Daphne, bob: User, key: str, run_of_alice: str) -> None:
    async with (
        requests(daphne, headers=of(key_of(bob))) as http,
        http.stream("GET", f"/api/events/stream/?after=0&user={key}&device={key}") as response,
    ):
        await emit_there(daphne, key_of(bob))
        async for line in response.aiter_lines():
            assert "Mine" not in line
            if "agent_thinking" in line:
                break


async def test_a_socket_hears_nothing_of_another(daphne: Daphne, bob: User, key: str, run_of_alice: str) -> None:
    async with connect(daphne, key_of(bob), after=0, user=key, user_id=key, device=user_group(key)) as client:
        await client.send("filter", types=None, run_id=run_of_alice)
        await client.send("filter", types=None, run_id=None)
        await emit_there(daphne, key)
        await emit_there(daphne, key_of(bob))
        await client.until(1)
    assert [text for text in client.applied if "Mine" in text or f"run of {key}" in text] == []


async def test_a_run_cannot_be_taken_over(daphne: Daphne, bob: User, key: str, run_of_alice: str) -> None:
    item = {"user": "bob", "run": run_of_alice, "type": "agent_completed", "payload": {"result": "hijacked"}}
    headers = of(key_of(bob), emit=True)
    assert await at_http(daphne, "POST", "/api/events/", headers=headers, json=item) == "run_owned"
    assert await at_http(daphne, "POST", f"/api/runs/{run_of_alice}/cancel/", headers=of(key_of(bob))) == "not_found"
    async with connect(daphne, key_of(bob)) as client:
        await client.send("cancel", run_id=run_of_alice)
        assert (await client.expect("error"))["code"] == "not_found"
    row = await run(run_of, run_of_alice)
    assert (row.stream, row.state) == (key, "running")


@pytest.mark.parametrize(
    "name",
    ["alice.x", "alice_x", "alice x", "älice", "agent.events", "*", "user.1", "../alice", "alice\u200b", "a" * 150],
)
async def test_no_key_reaches_the_group_of_another(alice: User, configure: Any, name: str) -> None:
    configure(USER_KEY="username")
    await User.objects.acreate(username=name)
    assert user_group(name) != user_group("alice")
    async with converse("alice") as victim, converse(name) as attacker:
        await think(name, thought="theirs")
        await think("alice", thought="mine")
        await victim.until(1)
        await attacker.until(1)
    assert [len(victim.applied), "mine" in victim.applied[0], "theirs" in attacker.applied[0]] == [1, True, True]


async def test_a_payload_is_never_a_message_to_the_server(key: str, configure: Any) -> None:
    configure(CUSTOM_TYPES=("websocket.close",))
    async with converse(key) as client:
        context = RunContext(key, run_id="r", agent_name="websocket.close")
        payload = {"type": "websocket.close", "code": 4401, "seq": 99, "epoch": "x", "events": ["x"]}
        await emitter.aemit(context, Custom("websocket.close", payload))
        await think(key)
        assert await client.until(2) == [1, 2]


@pytest.mark.parametrize("field", ["tier", "seq", "stream", "user_id", "is_staff", "epoch", "flags"])
async def test_nobody_gives_themselves_a_tier_or_a_number(daphne: Daphne, key: str, field: str) -> None:
    headers = of(key, emit=True)
    item = {"user": "alice", "run": "r", "type": "agent_started", field: "enterprise"}
    assert await at_http(daphne, "POST", "/api/events/", headers=headers, json=item) == "bad_field"
    asked = {"message": "x", field: "enterprise"}
    assert await at_http(daphne, "POST", "/api/runs/", headers=headers, json=asked) == "bad_request"
    assert not await run(Event.objects.exists)


INJECTION = "r\n2026-01-01 00:00:00 ERROR emitter forged: line\r\x1b[31m\u2028"


@pytest.mark.parametrize("field", ["run", "thread", "agent", "user", "type", "event_id"])
async def test_an_id_forges_no_line_of_a_log(daphne: Daphne, key: str, field: str) -> None:
    item = {"user": "alice", "run": "r", "type": "agent_started", field: INJECTION}
    code = await at_http(daphne, "POST", "/api/events/", headers=of(key, emit=True), json=item)
    assert code in {"bad_id", "unknown_user", "unknown_type", "bad_event_id"}
    assert "forged: line" not in daphne.log.read_text()


async def test_addresses_and_headers_forge_no_line_of_a_log(daphne: Daphne, key: str) -> None:
    for path in ("/api/runs/a%0aforged%3a%20line/", "/nowhere%0d%0aforged:%20line", "/?x=%0aforged:%20line"):
        await at_http(daphne, "GET", path, headers={**of(key), "User-Agent": "x\tforged: line"})
    assert [line for line in daphne.log.read_text().splitlines() if line.startswith("forged")] == []
