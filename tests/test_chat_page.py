"""The chat page in a real Chromium: sign in, ask, watch the events arrive, read the answer."""

import pytest
from django.contrib.auth.models import User
from playwright.async_api import Browser, Locator, Page, expect

from emitter.context import RunContext
from emitter.events import CRITICAL, AgentStarted
from emitter.service import RunEnded, emitter

from .processes import Daphne

QUESTION = "What is 12.5 % of 480, and how did my last run end?"
#: Where a network lets no WebSocket through, the browser says so with close code 1006.
BLOCKED_SOCKETS = """
    window.WebSocket = class extends WebSocket {
        constructor(address, protocols) {
            super(address.replace(location.host, "127.0.0.1:1"), protocols);
        }
    };
"""


def context(user: User, run: str = "run-1", thread: str = "thread-1") -> RunContext:
    return RunContext(user_id=str(user.pk), thread_id=thread, run_id=run, agent_name="analyst")


async def sign_in(browser: Browser, server: Daphne, name: str, width: int = 1280) -> Page:
    """The live chat page of a user, in a browser profile of its own."""
    page = await (await browser.new_context(viewport={"width": width, "height": 800})).new_page()
    await page.goto(server.url)
    await page.get_by_label("User name").fill(name)
    await page.get_by_label("Password").fill("demo")
    await page.keyboard.press("Enter")
    await expect(connection(page, "live")).to_be_visible()
    return page


async def ask(page: Page, question: str) -> Locator:
    """Asks by keyboard alone, and gives the card of the run."""
    await page.get_by_label("Your question").fill(question)
    await page.keyboard.press("Enter")
    card = page.locator("[data-run]").filter(has_text=question)
    await expect(card).to_be_visible()
    return card


async def events(place: Page | Locator) -> list[tuple[int, str]]:
    """Number and type of each event shown, in the order of the page."""
    shown = await place.locator("[data-event]").evaluate_all("all => all.map(e => [e.dataset.seq, e.dataset.event])")
    return [(int(seq), event_type) for seq, event_type in shown]


def connection(page: Page, state: str) -> Locator:
    return page.locator(f"[data-connection={state}]")


def shown(page: Page, seq: int) -> Locator:
    return page.locator(f"[data-seq='{seq}']")


async def test_a_question_is_answered_in_gapless_events(
    browser: Browser, live_server_process: Daphne, alice: User
) -> None:
    page = await sign_in(browser, live_server_process, "alice")
    card = await ask(page, QUESTION)
    await expect(card).to_have_attribute("data-state", "done")
    await expect(card.locator("[data-answer]")).to_contain_text("60")
    told = await events(card)
    assert [seq for seq, _ in told] == list(range(1, len(told) + 1))
    assert list(dict.fromkeys(event_type for _, event_type in told)) == list(CRITICAL)


async def test_nobody_else_sees_the_run(browser: Browser, live_server_process: Daphne, alice: User, bob: User) -> None:
    of_bob = await sign_in(browser, live_server_process, "bob")
    of_alice = await sign_in(browser, live_server_process, "alice")
    card = await ask(of_alice, QUESTION)
    await expect(card).to_have_attribute("data-state", "done")
    await emitter.aemit(context(bob), AgentStarted("What is mine?"))
    await of_bob.get_by_role("button", name="Show it").click()
    await expect(of_bob.get_by_text("What is mine?")).to_be_visible()
    assert await events(of_bob) == [(1, "agent_started")]


async def test_a_reload_in_the_middle_of_a_run_loses_nothing(
    browser: Browser, live_server_process: Daphne, alice: User
) -> None:
    async with emitter.arun(context(alice), message="Read the ledger") as run:
        page = await sign_in(browser, live_server_process, "alice")
        await run.thinking("Opening it")
        await expect(shown(page, 2)).to_be_attached()
        await page.reload(wait_until="commit")
        await run.thinking("Adding it up")
        run.result = {"answer": "It adds up."}
    await expect(page.locator("[data-answer]")).to_have_text("It adds up.")
    assert [seq for seq, _ in await events(page)] == [1, 2, 3, 4]


async def test_a_lost_connection_recovers_by_itself(browser: Browser, live_server_process: Daphne, alice: User) -> None:
    async with emitter.arun(context(alice), message="Read the ledger") as run:
        page = await sign_in(browser, live_server_process, "alice")
        await page.context.set_offline(True)
        await expect(connection(page, "offline")).to_be_visible()
        await run.thinking("Opening it")
        await page.context.set_offline(False)
        await expect(shown(page, 2)).to_be_attached()
        run.result = {"answer": "It adds up."}
    await expect(page.locator("[data-answer]")).to_have_text("It adds up.")
    assert [seq for seq, _ in await events(page)] == [1, 2, 3]


async def test_a_restarted_server_is_found_again(browser: Browser, live_server_process: Daphne, alice: User) -> None:
    async with emitter.arun(context(alice), message="Read the ledger") as run:
        page = await sign_in(browser, live_server_process, "alice")
        live_server_process.kill()
        await expect(connection(page, "live")).to_have_count(0)
        await run.thinking("Opening it")
        live_server_process.start()
        await expect(shown(page, 2)).to_be_attached()
    await expect(page.locator("[data-run]")).to_have_attribute("data-state", "done")
    assert [seq for seq, _ in await events(page)] == [1, 2, 3]


async def test_where_sockets_are_blocked_a_run_arrives_as_a_stream(
    browser: Browser, live_server_process: Daphne, alice: User
) -> None:
    page = await sign_in(browser, live_server_process, "alice")
    await page.add_init_script(BLOCKED_SOCKETS)
    async with page.expect_request("**/api/events/stream/*"):
        await page.reload()
    await expect(connection(page, "live")).to_be_visible()
    card = await ask(page, QUESTION)
    await expect(card).to_have_attribute("data-state", "done")
    await expect(card.locator("[data-answer]")).to_contain_text("60")
    told = await events(card)
    assert [seq for seq, _ in told] == list(range(1, len(told) + 1))


async def test_stop_really_stops(browser: Browser, live_server_process: Daphne, alice: User) -> None:
    # Not entered, or the run's keeper would cancel this task as soon as it learns of the end.
    run = emitter.arun(context(alice))
    await run.emit(AgentStarted("Read the ledger"))
    page = await sign_in(browser, live_server_process, "alice")
    await page.get_by_role("button", name="Stop").click()
    await expect(page.get_by_text("stopped by you")).to_be_visible()
    assert await events(page) == [(1, "agent_started"), (2, "agent_completed")]
    with pytest.raises(RunEnded):
        await run.thinking("Going on regardless")


async def test_text_is_never_read_as_html(browser: Browser, live_server_process: Daphne, alice: User) -> None:
    hostile = "<img src=x onerror=document.title='taken'>"
    async with emitter.arun(context(alice), message=hostile) as run:
        await run.thinking(hostile)
        async with run.tool(hostile, {"path": hostile}) as tool:
            tool.result = hostile
        run.result = {"answer": hostile}
    page = await sign_in(browser, live_server_process, "alice")
    await expect(page.locator("[data-answer]")).to_have_text(hostile)
    assert await page.locator("main img").count() == 0


@pytest.mark.parametrize("width", [1280, 360])
async def test_a_page_fits_its_screen_without_complaints(
    browser: Browser, live_server_process: Daphne, alice: User, width: int
) -> None:
    async with emitter.arun(context(alice), message="unbroken" * 60) as run:
        await run.thinking("unbroken" * 60)
        async with run.tool("search", {"query": "unbroken" * 60}) as tool:
            tool.result = {"lines": ["unbroken" * 60] * 20}
        run.result = {"answer": "unbroken" * 60}
    page = await sign_in(browser, live_server_process, "alice", width)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.reload()
    await expect(page.locator("[data-answer]")).to_contain_text("unbroken")
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []


async def test_a_session_that_ended_says_so(browser: Browser, live_server_process: Daphne, alice: User) -> None:
    page = await sign_in(browser, live_server_process, "alice")
    await page.context.clear_cookies(name="sessionid")
    await page.get_by_label("Your question").fill("Still there?")
    await page.keyboard.press("Enter")
    await expect(connection(page, "signed-out")).to_be_visible()
    await expect(page.get_by_label("Your question")).to_have_value("Still there?")
