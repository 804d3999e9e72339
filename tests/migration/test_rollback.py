"""Going back by itself: who was in the mode that broke its limit, once, with an alert and a row of the history."""

import asyncio
from typing import Any

import pytest

from emitter import metrics
from emitter.adapters.unified_emitter import UnifiedWebSocketEmitter
from emitter.blocking import run
from emitter.migration import history
from emitter.migration import switch as module
from emitter.migration.ledger import Ledger, ledger
from emitter.migration.modes import Setting
from emitter.migration.rollback import watch
from emitter.migration.switch import switch
from emitter.models import AdapterMode, Mode

pytestmark = pytest.mark.django_db(transaction=True)
ADAPTER = "unified_emitter"


@pytest.fixture(autouse=True)
def _registered(configure: Any) -> None:
    configure(LEGACY_SENDERS={ADAPTER: "tests.migration.senders.silent"}, LIMIT_CALLS=5)


async def turn(mode: str, percent: int = 100) -> Setting:
    switch.expire()
    return await run(lambda: history.change(ADAPTER, mode, history.Decimal(percent), by="alice"))


async def call(user: str, times: int = 5) -> Setting:
    """Calls so often, writes down how it went, and says what holds then."""
    for _ in range(times):
        await UnifiedWebSocketEmitter(None, user).notify_agent_started("analyst")
    await run(ledger.flush)
    return await run(history.setting_of, ADAPTER)


async def test_too_many_failures_lead_back_to_the_old_sender(db: None, caplog: Any) -> None:
    before = metrics.value("emitter_rollbacks_total", adapter=ADAPTER)
    await turn("unified")
    now = await call("nobody")
    assert (now.uniform, now.by) == (Mode.LEGACY, "emitter")
    assert now.reason == "adapter_rolled_back: 5 of 5 calls failed in 5 minutes, more than 5.0%"
    assert metrics.value("emitter_rollbacks_total", adapter=ADAPTER) - before == 1
    (alert,) = [
        record for record in caplog.records if record.message.startswith("adapter_rolled_back: unified_emitter")
    ]
    assert alert.levelname == "ERROR"


async def test_the_process_that_goes_back_follows_at_once(db: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "monotonic", lambda: 100.0)
    await turn("unified")
    await call("nobody")
    assert (await switch.setting_of(ADAPTER)).uniform is Mode.LEGACY


async def test_too_many_differences_end_the_shadow(key: str) -> None:
    await turn("shadow")
    assert (await call(key)).uniform is Mode.LEGACY


async def test_a_team_may_say_that_it_goes_back_to_the_shadow(db: None, configure: Any) -> None:
    configure(ROLLBACK_TO="shadow")
    await turn("unified")
    assert (await call("nobody")).uniform is Mode.SHADOW


async def test_the_others_stay_where_they_are(db: None, configure: Any) -> None:
    configure(ROLLBACK_TO="shadow")
    await turn("legacy")
    await turn("unified", 0)
    some = await turn("unified", 30)
    ledger.count(some, Mode.UNIFIED, failed=True)
    await run(ledger.flush)
    for _ in range(4):
        ledger.count(some, Mode.UNIFIED, failed=True)
    await run(ledger.flush)
    now = await run(history.setting_of, ADAPTER)
    assert (now.mode, now.percent, now.rest) == (Mode.SHADOW, history.Decimal(30), Mode.LEGACY)


async def test_below_the_limits_nothing_happens(key: str) -> None:
    await turn("unified")
    assert (await call("nobody", times=4)).uniform is Mode.UNIFIED
    assert (await call(key, times=100)).uniform is Mode.UNIFIED


async def test_what_was_before_a_change_does_not_count_after_it(db: None, configure: Any) -> None:
    configure(FAILURE_LIMIT=None)
    await turn("unified")
    await call("nobody")
    configure(FAILURE_LIMIT=0.05)
    await turn("unified")
    assert (await call("nobody", times=4)).uniform is Mode.UNIFIED
    assert (await call("nobody", times=1)).uniform is Mode.LEGACY


async def test_what_nobody_has_set_stays(db: None, configure: Any) -> None:
    assert (await call("nobody")).uniform is Mode.UNIFIED
    await turn("unified")
    configure(LEGACY_SENDERS={})
    assert (await call("nobody")).uniform is Mode.UNIFIED


async def test_of_many_processes_one_goes_back(db: None) -> None:
    setting = await turn("unified")
    before = metrics.value("emitter_rollbacks_total", adapter=ADAPTER)
    others = [Ledger(watch) for _ in range(4)]
    for other in others:
        for _ in range(5):
            other.count(setting, Mode.UNIFIED, failed=True)
    await asyncio.gather(*(run(other.flush) for other in others))
    assert await run(AdapterMode.objects.filter(by="emitter").count) == 1
    assert metrics.value("emitter_rollbacks_total", adapter=ADAPTER) - before == 1


async def test_calls_alone_lead_back_without_anybody_looking(db: None, background: None) -> None:
    await turn("unified")
    async with asyncio.timeout(30):
        while (await switch.setting_of(ADAPTER)).uniform is not Mode.LEGACY:
            await UnifiedWebSocketEmitter(None, "nobody").notify_agent_started("analyst")
            await asyncio.sleep(0.01)
