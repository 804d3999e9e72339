"""What a process knows of modes: read seldom, followed soon, kept while the database is away."""

import asyncio
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from emitter.blocking import run
from emitter.migration import history
from emitter.migration import switch as module
from emitter.migration.switch import Switch
from emitter.models import Mode

from ..processes import PostgreSQL

pytestmark = pytest.mark.django_db(transaction=True)
ADAPTER = "unified_emitter"
LATEST_SECONDS = module.FRESH_SECONDS + module.WAIT_SECONDS


@pytest.fixture(autouse=True)
def registered(configure: Any) -> None:
    configure(LEGACY_SENDERS={ADAPTER: "tests.migration.senders.silent"})


async def change(mode: str) -> None:
    await run(lambda: history.change(ADAPTER, mode, by="alice"))


async def test_a_thousand_calls_at_once_read_once(monkeypatch: Any) -> None:
    read = []

    def settings() -> dict[str, Any]:
        read.append(True)
        return {}

    monkeypatch.setattr(history, "settings", settings)
    monkeypatch.setattr(module, "monotonic", lambda: 100.0)
    switch = Switch()
    found = await asyncio.gather(*(switch.setting_of(ADAPTER) for _ in range(1_000)))
    await switch.setting_of(ADAPTER)
    assert len(read) == 1
    assert {setting.uniform for setting in found} == {Mode.UNIFIED}


async def test_a_reading_is_one_query() -> None:
    await change("legacy")

    def read() -> int:
        with CaptureQueriesContext(connection) as queries:
            history.settings()
        return len(queries)

    assert await run(read) == 1


async def test_a_change_is_followed_when_the_reading_is_old(monkeypatch: Any) -> None:
    now = 100.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    switch = Switch()
    assert (await switch.setting_of(ADAPTER)).mode is Mode.UNIFIED
    await change("legacy")
    now += module.FRESH_SECONDS - 0.01
    assert (await switch.setting_of(ADAPTER)).mode is Mode.UNIFIED
    now += 0.01
    assert (await switch.setting_of(ADAPTER)).mode is Mode.LEGACY
    assert LATEST_SECONDS < 5


async def test_an_adapter_of_another_version_is_passed_over(monkeypatch: Any) -> None:
    await change("legacy")
    monkeypatch.setattr(module, "ADAPTERS", ("base_agent",))
    switch = Switch()
    assert (await switch.setting_of(ADAPTER)).mode is Mode.UNIFIED


@pytest.mark.scaled
async def test_while_the_database_is_away_the_last_known_mode_holds(
    postgres_server: PostgreSQL, monkeypatch: Any
) -> None:
    now = 100.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    switch = Switch()
    await change("legacy")
    assert (await switch.setting_of(ADAPTER)).mode is Mode.LEGACY
    postgres_server.stop()
    now += 60
    assert (await switch.setting_of(ADAPTER)).mode is Mode.LEGACY
    postgres_server.start()
    await change("unified")
    now += module.FRESH_SECONDS
    assert (await switch.setting_of(ADAPTER)).mode is Mode.UNIFIED


async def test_a_reading_that_hangs_holds_a_call_once_and_not_for_long(monkeypatch: Any) -> None:
    hanging = asyncio.Event()

    async def hangs(work: Any) -> Any:
        await hanging.wait()
        return {}

    waited = []
    follow = Switch._follow

    async def following(self: Switch) -> None:
        waited.append(self)
        await follow(self)

    monkeypatch.setattr(module, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(module, "monotonic", lambda: 100.0)
    monkeypatch.setattr(module.blocking, "run", hangs)
    monkeypatch.setattr(Switch, "_follow", following)
    switch = Switch()
    for _ in range(100):
        assert (await switch.setting_of(ADAPTER)).mode is Mode.UNIFIED
    assert len(waited) == 1
    hanging.set()
