"""After a cut: none of them can say where it was, and each goes on there."""

import asyncio

import pytest
from django.contrib.auth.models import User

from emitter.blocking import run
from emitter.models import Device
from emitter.policy.identity import create_token
from emitter.policy.users import key_of
from tests.processes import Daphne
from tests.streams import think

from .clients import FIVE, FRAMES, Page, Program, Terminal, visit
from .story import tell

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def token(key: str) -> str:
    return create_token(key, seconds=600)


async def cut_after_two(client: Page | Program | Terminal, key: str) -> None:
    """The first two events arrive, then the line breaks, and the rest of the run passes."""
    await client.come()
    await tell(key, 0, 1)
    await client.hear_until("agent_thinking")
    await client.cut()
    await tell(key, 2, 3, 4)


async def test_a_page_shows_every_event_once(daphne: Daphne, key: str, token: str) -> None:
    page = Page(daphne, token=token)
    page.spins = True
    await cut_after_two(page, key)
    async with visit(page):
        await page.wait()
    assert (page.shown, page.report) == ([*FIVE, "final_report"], "There are three.")


async def test_a_program_gets_every_event_once(daphne: Daphne, key: str, token: str) -> None:
    program = Program(daphne, token)
    await cut_after_two(program, key)
    async with visit(program):
        await program.hear_until("agent_completed")
    assert program.types == FIVE


async def test_a_terminal_that_is_started_again_gets_the_rest(daphne: Daphne, key: str, token: str) -> None:
    terminal = Terminal(daphne, token)
    await cut_after_two(terminal, key)
    async with visit(terminal):
        await terminal.wait()
    assert terminal.swallowed["type"] == "handshake_complete"
    assert (terminal.types, terminal.answer) == (FIVE[2:], "There are three.")


async def test_cut_again_and_again(daphne: Daphne, key: str, token: str) -> None:
    page = Page(daphne, token=token)
    for part in range(5):
        await page.come()
        await tell(key, part)
        await page.hear_until(FIVE[part])
        await page.cut()
    assert page.shown == page.types == FIVE


async def test_a_page_that_is_loaded_anew_gets_what_was_missed(daphne: Daphne, key: str, token: str) -> None:
    async with visit(Page(daphne, token=token)) as page:
        await tell(key, 0, 1)
        await page.hear_until("agent_thinking")
    await tell(key, 2, 3, 4)
    async with visit(Page(daphne, token=token)) as reloaded:
        await reloaded.hear_until("final_report")
    assert reloaded.shown == [*FIVE[2:], "final_report"]


async def test_two_pages_cut_together_both_get_everything(daphne: Daphne, key: str, token: str) -> None:
    pages = [Page(daphne, token=token) for _ in range(2)]
    for page in pages:
        await page.come()
    await tell(key, 0, 1)
    for page in pages:
        await page.hear_until("agent_thinking")
        await page.cut()
    await places_left(key, 2)
    await tell(key, 2, 3, 4)
    for page in pages:
        async with visit(page):
            await page.hear_until("final_report")
    assert [page.shown for page in pages] == [[*FIVE, "final_report"]] * 2


async def test_a_second_page_begins_with_what_is_new(daphne: Daphne, key: str, token: str) -> None:
    async with visit(Page(daphne, token=token)) as page:
        await tell(key)
        await page.hear_until("final_report")
        async with visit(Page(daphne, token=token)) as second:
            await tell(key, 0, run="run-2")
            await second.hear()
    assert second.shown == ["agent_started"]
    assert second.frames[0]["run_id"] == "run-2"


async def test_a_program_that_said_goodbye_is_told_of_no_past(daphne: Daphne, key: str, token: str) -> None:
    async with visit(Program(daphne, token)) as program:
        await tell(key, 0)
        await program.hear()
    await places_left(key, 0)
    await tell(key, 1, 2, 3, 4)
    async with visit(Program(daphne, token)) as next_one:
        await tell(key, 0, run="run-2")
        assert (await next_one.hear())["run_id"] == "run-2"


async def test_a_dead_server_is_a_cut(live_server_process: Daphne, key: str, token: str) -> None:
    page = Page(live_server_process, token=token)
    page.spins = True
    await page.come()
    await tell(key, 0, 1)
    await page.hear_until("agent_thinking")
    live_server_process.kill()
    await tell(key, 2, 3, 4)
    live_server_process.start()
    async with visit(page):
        await page.wait()
    assert page.shown == [*FIVE, "final_report"]


async def test_a_long_replay_is_cut_short_and_told(daphne: Daphne, key: str, token: str) -> None:
    page = Page(daphne, token=token)
    page.spins = True
    await cut_after_two(page, key)
    await think(key, 600, run="run-2")
    async with visit(page):
        await page.wait()
        await page.hear_until("agent_thinking")
        await tell(key, 0, run="run-3")
        await page.hear_until("agent_started")
    assert len(page.frames) < FRAMES / 2
    assert "403 events are not shown here. The run has ended." in page.errors[0]


async def test_nobody_gets_what_another_user_missed(daphne: Daphne, key: str, token: str, bob: User) -> None:
    page = Page(daphne, token=token)
    await cut_after_two(page, key)
    async with visit(Page(daphne, token=create_token(key_of(bob), seconds=60))) as other:
        await tell(key_of(bob), 0, run="run-2")
        await other.hear()
    assert [frame["run_id"] for frame in other.frames] == ["run-2"]


async def places_left(key: str, number: int) -> None:
    """Waits until the server has noted so many places; a program that said goodbye leaves none."""

    def left() -> int:
        places = Device.objects.filter(stream=key)
        return (places.filter(name__contains="left") if number else places).count()

    async with asyncio.timeout(60):
        while await run(left) != number:
            await asyncio.sleep(0.01)
