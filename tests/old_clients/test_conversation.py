"""What is said at ``/ws`` besides events, over real sockets."""

import asyncio
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User
from websockets.exceptions import ConnectionClosed

from emitter.blocking import run
from emitter.log import runs_of
from emitter.policy.identity import create_token
from emitter.policy.users import key_of
from tests import processes
from tests.processes import Daphne
from tests.sockets import connect

from .clients import FIVE, Page, Program, Terminal, visit
from .story import tell

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def token(key: str) -> str:
    return create_token(key, seconds=600)


async def test_a_ping_wants_a_pong(daphne: Daphne, token: str) -> None:
    async with visit(Page(daphne, token=token)) as page:
        await page.say("ping", timestamp=1_767_323_045_678)
        assert await page.hear() == {"type": "pong"}


@pytest.mark.parametrize(
    "kind", ["handshake_acknowledged", "disconnect", "session_restore", "heartbeat_ack", "auth", "switch_thread"]
)
async def test_what_is_taken_in_silence(daphne: Daphne, token: str, kind: str) -> None:
    async with visit(Page(daphne, token=token)) as page:
        await page.say(kind, payload={"thread_id": "t", "token": "nonsense"})
        await page.say("ping")
        assert (await page.hear())["type"] == "pong"


async def test_events_are_held_until_after_the_frame_that_a_terminal_swallows(
    daphne: Daphne, key: str, token: str
) -> None:
    terminal = Terminal(daphne, token)
    await terminal.dial([f"jwt.local.{token}"], {})
    thread = (await terminal.hear_until("handshake_response"))["thread_id"]
    await tell(key)
    await terminal.say("ping")
    await terminal.say("handshake_acknowledged", thread_id=thread)
    await terminal.hear_until("agent_completed")
    assert terminal.types == ["connection_established", "handshake_response", "pong", "handshake_complete", *FIVE]
    await terminal.hang_up()


async def test_a_late_acknowledgement_is_answered_once(daphne: Daphne, key: str, token: str) -> None:
    async with visit(Program(daphne, token)) as program:
        await tell(key, 0)
        await program.hear()
        for _ in range(2):
            await program.say("handshake_acknowledged")
        await program.say("ping")
        await program.hear_until("pong")
    assert program.types == ["agent_started", "handshake_complete", "pong"]


async def test_a_question_goes_into_the_thread_of_the_handshake(daphne: Daphne, token: str) -> None:
    terminal = Terminal(daphne, token)
    await terminal.come()
    await terminal.say("chat", message="1 + 1")
    assert (await terminal.hear_until("agent_started"))["thread_id"] == terminal.thread
    await terminal.hang_up()


async def test_a_clients_name_for_a_run_is_not_the_runs(daphne: Daphne, key: str, token: str, bob: User) -> None:
    asked = {"content": "1 + 1", "run_id": "cli_20260102_030405_4242"}
    other = create_token(key_of(bob), seconds=60)
    async with visit(Program(daphne, token)) as first, visit(Program(daphne, other)) as second:
        await first.say("user_message", payload=asked)
        await second.say("user_message", payload=asked)
        runs = [(await client.hear_until("agent_completed"))["run_id"] for client in (first, second)]
    assert len({*runs, asked["run_id"]}) == 3


SLOW = "Count slowly to 60"
STOPS: list[tuple[str, dict[str, Any]]] = [
    ("stop_agent", {"payload": {"run_id": "cli_1_2_3"}}),
    ("stop_agent", {"payload": {"thread_id": "t"}}),
    ("stop_agent", {"payload": {}}),
    ("stop_processing", {"data": {"thread_id": "t", "run_id": "gone"}}),
    ("stop_processing", {}),
]


@pytest.mark.parametrize(("kind", "fields"), STOPS, ids=str)
async def test_each_way_to_stop(daphne: Daphne, token: str, kind: str, fields: dict[str, Any]) -> None:
    async with visit(Page(daphne, token=token)) as page:
        await page.say("user_message", payload={"content": SLOW, "thread_id": "t", "run_id": "cli_1_2_3"})
        await page.hear_until("agent_thinking")
        await page.say(kind, **fields)
        ending = await page.hear_until("agent_completed")
        await page.hear_until("final_report")
    assert (ending["payload"]["status"], page.report) == ("cancelled", "The run was stopped.")


async def test_a_run_is_stopped_by_its_own_name(daphne: Daphne, token: str) -> None:
    async with visit(Page(daphne, token=token)) as page:
        for thread in ("one", "two"):
            await page.say("user_message", payload={"content": SLOW, "thread_id": thread})
        first = (await page.hear_until("agent_started"))["run_id"]
        await page.say("stop_agent", payload={"run_id": first})
        assert (await page.hear_until("agent_completed"))["run_id"] == first
        await page.say("stop_agent", payload={"thread_id": "two"})
        await page.hear_until("agent_completed")


@pytest.mark.parametrize("fields", [{}, {"run_id": "bob's"}, {"thread_id": "elsewhere"}], ids=str)
async def test_what_is_not_ones_own_at_work_cannot_be_stopped(
    daphne: Daphne, key: str, token: str, bob: User, fields: dict[str, str]
) -> None:
    await tell(key_of(bob), 0, run="bob's")
    async with visit(Page(daphne, token=token)) as page:
        page.spins = True
        await page.say("stop_agent", payload=fields)
        await page.wait()
    assert page.errors == ["There is no run of yours at work that could be stopped."]
    assert [found.state for found in await run(runs_of, key_of(bob))] == ["running"]


REFUSED = [
    ('{"type":"chat"}', "bad_request"),
    ('{"type":"chat","message":"' + "x" * 20_001 + '"}', "bad_request"),
    ('{"type":"chat","message":"Hi","thread_id":"' + "x" * 201 + '"}', "bad_id"),
    ('{"type":"dance"}', "unknown_frame"),
    ("hello", "bad_frame"),
    (b"\xff", "bad_frame"),
    ('{"type":"chat","message":"' + "x" * 300_000 + '"}', "bad_frame"),
]


@pytest.mark.parametrize(("said", "code"), REFUSED, ids=lambda value: str(value)[:20])
async def test_what_is_refused_is_told_and_the_conversation_goes_on(daphne: Daphne, token: str, said, code) -> None:
    async with visit(Page(daphne, token=token)) as page:
        page.spins = True
        await page.socket.send(said)
        await page.wait()
        await page.say("ping")
        await page.hear_until("pong")
    assert (page.frames[0]["payload"]["code"], len(page.errors)) == (code, 1)


async def test_what_is_refused_for_its_name_begins_no_run(daphne: Daphne, token: str, key: str) -> None:
    async with visit(Page(daphne, token=token)) as page:
        await page.say("chat", message="Hi", run_id="x" * 201)
        await page.hear_until("error")
    assert await run(runs_of, key, 1) == []


async def test_a_refusal_before_the_handshake_ends_is_told(daphne: Daphne, token: str) -> None:
    async with visit(Program(daphne, token)) as program:
        await program.socket.send("hello")
        assert (await program.hear())["payload"]["code"] == "bad_frame"


async def test_a_flood_is_told_and_ends_the_conversation(daphne: Daphne, token: str) -> None:
    async with visit(Page(daphne, token=token)) as page:
        with suppress(ConnectionClosed):  # It may end before all is said.
            for _ in range(300):
                await page.say("ping")
        assert await page.closed() == (4400, "bad_frame")
    assert page.errors == ["More than 20 messages a second; say less."]
    assert 50 <= page.types.count("pong") < 300


async def test_one_too_many_is_told_to_stay_away(daphne: Daphne, key: str, token: str) -> None:
    async with asyncio.timeout(30):
        pages = [Page(daphne, token=token) for _ in range(20)]
        for page in pages:
            await page.come()
            await page.say("ping")
            await page.hear()
        async with visit(Page(daphne, token=token)) as last:
            assert await last.closed() == (4429, "too_many_sessions")
        for page in pages:
            await page.hang_up()


async def test_old_and_new_clients_hear_the_same(daphne: Daphne, key: str, token: str) -> None:
    async with visit(Page(daphne, token=token)) as page, connect(daphne, key) as client:
        await page.ask("What is 12.5 % of 480?")
        await page.wait()
        await client.until(5)
    assert [frame["id"] for frame in page.frames[:5]] == [msgspec.json.decode(text)["id"] for text in client.applied]


async def test_a_server_that_stops_says_come_back(live_server_process: Daphne, key: str, token: str) -> None:
    page = Page(live_server_process, token=token)
    await page.come()
    await tell(key, 0, 1)
    await page.hear_until("agent_thinking")
    live_server_process.process.terminate()
    assert await page.closed() == (1012, "restarting")
    live_server_process.process.wait(processes.PATIENCE)
    await tell(key, 2, 3, 4)
    live_server_process.start()
    async with visit(page):
        await page.hear_until("final_report")
    assert page.shown == [*FIVE, "final_report"]
