"""Each older client, for each way to sign in and each way to start a run: five events, the answer, the end."""

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from emitter.policy.identity import create_token
from tests.processes import Daphne

from .clients import FIVE, Page, Program, Terminal, visit

pytestmark = pytest.mark.django_db(transaction=True)
QUESTION = "What is 12.5 % of 480?"


@pytest.fixture
def token(key: str) -> str:
    return create_token(key, seconds=60)


@pytest.fixture
def cookie(alice: User, client: Browser) -> str:
    client.force_login(alice)
    return f"sessionid={client.cookies['sessionid'].value}"


async def test_a_page_with_a_token(daphne: Daphne, token: str) -> None:
    async with visit(Page(daphne, token=token)) as page:
        await page.ask(QUESTION)
        await page.wait()
    assert page.shown == [*FIVE, "final_report"]
    assert "60" in page.report
    assert page.thoughts != ["Processing…"]


async def test_a_page_with_a_cookie(daphne: Daphne, cookie: str) -> None:
    async with visit(Page(daphne, cookie=cookie)) as page:
        assert page.socket.subprotocol is None
        await page.ask(QUESTION)
        await page.wait()
    assert (page.shown, page.tools_done) == ([*FIVE, "final_report"], ["calculator"])
    assert len(page.frames) == len(page.shown), "a page handles some hundreds of frames, so none is superfluous"


@pytest.mark.parametrize("way", range(9))
async def test_a_terminal_by_each_of_its_ways(daphne: Daphne, token: str, way: int) -> None:
    terminal = Terminal(daphne, token)
    await terminal.come(only=way)
    await terminal.ask(QUESTION)
    await terminal.wait()
    await terminal.hang_up()
    assert terminal.swallowed["type"] == "handshake_complete"
    assert (terminal.types, "60" in terminal.answer) == (FIVE, True)


STARTS = [
    ("start_agent", {"payload": {"user_request": QUESTION, "thread_id": "t", "context": {}, "settings": {}}}),
    ("user_message", {"payload": {"content": QUESTION, "thread_id": "t", "references": [], "run_id": "cli_1_2_3"}}),
    ("message", {"content": QUESTION}),
    ("chat", {"message": QUESTION}),
    ("chat_message", {"data": {"content": QUESTION}}),
    ("chat_message", {"content": QUESTION}),
    ("agent_request", {"payload": {"query": QUESTION}}),
    ("execute_agent", {"data": {"text": QUESTION}}),
]


@pytest.mark.parametrize(("kind", "fields"), STARTS, ids=str)
async def test_a_program_by_each_way_to_start(daphne: Daphne, token: str, kind: str, fields: dict) -> None:
    async with visit(Program(daphne, token)) as program:
        await program.say(kind, **fields)
        ending = await program.hear_until("agent_completed")
    assert program.types == FIVE
    assert (program.frames[0]["payload"]["message"], "60" in ending["payload"]["final_response"]) == (QUESTION, True)


@pytest.mark.parametrize("shape", ["data", "system_message"])
async def test_a_program_that_asks_for_another_shape(daphne: Daphne, token: str, shape: str) -> None:
    async with visit(Program(daphne, token, shape)) as program:
        await program.say("message", content=QUESTION)
        while not program.frames or "agent_completed" not in program.frames[-1].values():
            await program.hear()
    key, inner = {"data": ("type", "data"), "system_message": ("event", "payload")}[shape]
    assert [frame[key] for frame in program.frames] == FIVE
    assert [program.frames[n][inner][name] for n, name in ((0, "agent"), (2, "tool"), (3, "tool"))] == [
        "DemoAgent",
        "calculator",
        "calculator",
    ]
