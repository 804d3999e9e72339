"""Script in every text field, in a real Chromium: nothing of it runs, and no page asks for what its policy forbids."""

import asyncio
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.async_api import Browser, Page, expect

from emitter.blocking import run
from emitter.context import RunContext
from emitter.events import KNOWN_KEYS, named
from emitter.models import AccessRecord, Device, Event, ServiceKey
from emitter.policy.users import key_of
from emitter.service import emitter

from ..conftest import person
from ..processes import Daphne
from ..test_chat_page import connection, sign_in
from ..test_service_keys import issued

pytestmark = pytest.mark.django_db(transaction=True)

ATTACK = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>'\"`${window.hacked=1}</textarea></pre>"
#: Known keys whose values are no texts.
OTHERS = {
    "step_number": 1,
    "execution_time_ms": 1,
    "status": "completed",
    "recoverable": True,
    "usage": {"model": ATTACK},
}
OTHERS |= {"parameters": {ATTACK: [ATTACK, {ATTACK: ATTACK}]}}


@pytest.fixture
async def mallory(transactional_db: None) -> User:
    """A user whose every text is an attack, with a run of each type of event."""
    user = await run(person, ATTACK)
    for number, ending in enumerate(("agent_completed", "agent_error", "agent_death")):
        context = RunContext(key_of(user), f"t{ATTACK}", f"{number}{ATTACK}", ATTACK)
        for name in (*TYPES, ending):
            await emitter.aemit(context, named(name, payload(name)))
    return user


TYPES = [name for name in KNOWN_KEYS if name not in ("agent_completed", "agent_error", "agent_death")]


def payload(name: str) -> dict[str, Any]:
    return {**{key: OTHERS.get(key, ATTACK) for key in KNOWN_KEYS[name]}, ATTACK: ATTACK}


def watched(page: Page) -> list[str]:
    """What the page complains of from now on."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if "Security Policy" in message.text else None)
    page.on("dialog", lambda dialog: said.append(dialog.message))
    return said


async def hacked(page: Page) -> bool:
    return bool(await page.evaluate("() => 'hacked' in window"))


async def test_nothing_runs_in_the_chat_page(browser: Browser, live_server_process: Daphne, mallory: User) -> None:
    page = await sign_in(browser, live_server_process, ATTACK)
    said = watched(page)
    await page.reload()
    await expect(connection(page, "live")).to_be_visible()
    await expect(page.locator("[data-run]")).to_have_count(3)
    for summary in await page.locator("[data-run] summary").all():
        await summary.click()
    context = RunContext(key_of(mallory), f"t{ATTACK}", f"live{ATTACK}", ATTACK)
    for name in (*TYPES, "agent_completed"):
        await emitter.aemit(context, named(name, payload(name)))
    await expect(page.get_by_text("window.hacked").first).to_be_attached()
    await page.get_by_label("Your question").fill(ATTACK)
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-run]").filter(has_text="I plan by rule").last).to_have_attribute(
        "data-state", "done"
    )
    assert (await hacked(page), said) == (False, [])
    assert await page.locator("img[src=x], [data-run] script").count() == 0


async def test_nothing_runs_in_the_admin(browser: Browser, live_server_process: Daphne, mallory: User) -> None:
    await run(lambda: User.objects.filter(pk=mallory.pk).update(is_staff=True, is_superuser=True))
    await run(lambda: issued_and_seen(mallory))
    page = await sign_in(browser, live_server_process, ATTACK)
    said = watched(page)
    for path in await run(admin_paths):
        response = await page.goto(f"{live_server_process.url}/admin/{path}")
        assert response is not None
        assert response.status == 200, path
        assert (path, await hacked(page), said) == (path, False, [])


def issued_and_seen(user: User) -> None:
    """A key and a device with the attack as their names, and a record of a look at them."""
    issued(may_emit=True, users=[ATTACK], types=[ATTACK])
    ServiceKey.objects.update(name=ATTACK[:100])
    Device.objects.create(stream=key_of(user), name=ATTACK, epoch="e", position=1)
    AccessRecord.objects.create(reader=ATTACK, how="api", what="run", stream=ATTACK, detail=ATTACK)


def admin_paths() -> list[str]:
    changes = [f"emitter/event/{row.pk}/change/" for row in Event.objects.order_by("id")[:8]]
    record, key = AccessRecord.objects.latest("id"), ServiceKey.objects.get()
    return [
        "",
        *(f"emitter/{name}/" for name in ("event", "run", "device", "servicekey", "accessrecord")),
        "emitter/event/?user=%3Cscript%3Ewindow.hacked%3D1%3C/script%3E&run=%22%3E%3Cimg%20src=x%20onerror=window.hacked=1%3E",
        *changes,
        "emitter/servicekey/add/",
        f"emitter/servicekey/{key.pk}/change/",
        f"emitter/accessrecord/{record.pk}/change/",
        f"auth/user/{User.objects.get().pk}/change/",
    ]


async def test_a_key_is_made_without_breaking_the_policy(
    browser: Browser, live_server_process: Daphne, db: None
) -> None:
    await run(lambda: User.objects.filter(pk=person("root").pk).update(is_staff=True, is_superuser=True))
    page = await sign_in(browser, live_server_process, "root")
    said = watched(page)
    await page.goto(f"{live_server_process.url}/admin/emitter/servicekey/add/")
    await page.get_by_label("Name").fill(ATTACK[:100])
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.locator("[data-secret]")).to_contain_text("nek_")
    assert (await hacked(page), said) == (False, [])


async def test_the_browser_would_refuse_what_slipped_through(
    browser: Browser, live_server_process: Daphne, alice: User
) -> None:
    page = await sign_in(browser, live_server_process, "alice")
    said = watched(page)
    await page.evaluate("() => document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.hacked=1>')")
    await page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.hacked = 1";
            document.body.append(script);
        }"""
    )
    async with asyncio.timeout(60):
        while len(said) < 2:
            await asyncio.sleep(0.01)
    assert not await hacked(page)
