"""The three ways of an old call, and that an old caller notices nothing of it."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction

from emitter import metrics
from emitter.adapters.agent_websocket_bridge import AgentWebSocketBridge
from emitter.adapters.unified_emitter import UnifiedWebSocketEmitter
from emitter.blocking import run
from emitter.migration import history, sent, shadow
from emitter.migration.ledger import ledger
from emitter.migration.senders import DEEPEST
from emitter.migration.switch import switch
from emitter.models import AdapterTally, Event, ShadowDifference, Stream

from ..adapters.rows import events, failures
from .old_wire import OldUnified

pytestmark = pytest.mark.django_db(transaction=True)
ADAPTER = "unified_emitter"


class OldSender:
    """Keeps the calls that it gets; sends what the old one sent, unless it is told what to do."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.do: Any = None

    async def __call__(self, method: str, args: Any, kwargs: Any, face: Any) -> Any:
        self.calls.append((method, args, kwargs, face))
        if self.do is not None:
            return self.do()
        sent(face.user_id, getattr(OldUnified(face), method)(*args, **kwargs))
        return None


@pytest.fixture
def sender(configure: Any) -> OldSender:
    made = OldSender()
    configure(LEGACY_SENDERS={ADAPTER: made, "agent_websocket_bridge": made})
    return made


@pytest.fixture
def old(key: str) -> UnifiedWebSocketEmitter:
    return UnifiedWebSocketEmitter(None, key)


async def turn(mode: str, percent: int = 100, adapter: str = ADAPTER) -> None:
    await run(lambda: history.change(adapter, mode, history.Decimal(percent), by="alice"))
    switch.expire()


async def tallies() -> dict[str, tuple[int, int, int]]:
    def read() -> dict[str, tuple[int, int, int]]:
        ledger.flush()
        return {row.mode: (row.calls, row.failures, row.differences) for row in AdapterTally.objects.exclude(change=0)}

    return await run(read)


async def test_legacy_calls_the_old_sender_and_nothing_else(sender: OldSender, old: Any, key: str) -> None:
    await turn("legacy")
    assert await old.notify_tool_executing("search", metadata={"q": 1}) is None
    assert sender.calls == [("notify_tool_executing", ("search",), {"metadata": {"q": 1}}, old)]
    assert await events(key) == []
    assert await tallies() == {"legacy": (1, 0, 0)}


async def test_unified_leaves_the_old_sender_alone(sender: OldSender, old: Any, key: str) -> None:
    await turn("unified")
    await old.notify_tool_executing("search")
    assert sender.calls == []
    assert len(await events(key)) == 1
    assert await tallies() == {"unified": (1, 0, 0)}


async def test_shadow_sends_the_old_way_and_stores_no_event(sender: OldSender, old: Any, key: str) -> None:
    await turn("shadow")
    await old.notify_tool_executing("search")
    assert len(sender.calls) == 1
    assert await run(lambda: (Event.objects.count(), Stream.objects.filter(key=key, head__gt=0).count())) == (0, 0)
    assert await tallies() == {"shadow": (1, 0, 0)}


@pytest.mark.parametrize("mode", ["legacy", "shadow"])
async def test_what_the_old_sender_answers_is_the_answer(mode: str, sender: OldSender, old: Any) -> None:
    sender.do = lambda: {"sent": 3}
    await turn(mode)
    assert await old.notify_tool_executing("search") == {"sent": 3}


@pytest.mark.parametrize("mode", ["legacy", "shadow"])
async def test_what_the_old_sender_raises_is_the_callers(mode: str, sender: OldSender, old: Any, caplog: Any) -> None:
    sender.do = lambda: 1 // 0
    before = failures(ADAPTER, "legacy_sender_failed")
    await turn(mode)
    with pytest.raises(ZeroDivisionError):
        await old.notify_tool_executing("search")
    assert failures(ADAPTER, "legacy_sender_failed") - before == 1
    assert "legacy_sender_failed: unified_emitter.notify_tool_executing" in caplog.text
    assert caplog.messages[-1].endswith(", ZeroDivisionError")
    assert await tallies() == {mode: (1, 1, 0)}


@pytest.mark.parametrize("mode", ["legacy", "shadow"])
async def test_an_old_sender_that_calls_the_face_again_is_ended(
    mode: str, sender: OldSender, old: Any, caplog: Any
) -> None:
    sender.do = lambda: old.notify_tool_executing("search")
    await turn(mode)
    assert await old.notify_tool_executing("search") is None
    assert (len(sender.calls), caplog.text.count("legacy_sender_loops")) == (DEEPEST, 1)
    assert (await tallies())[mode][:2] == (DEEPEST + 1, 1)


async def test_an_agent_that_tells_through_the_bridge_does_not_differ(sender: OldSender, key: str) -> None:
    for adapter in (ADAPTER, "agent_websocket_bridge"):
        await turn("shadow", adapter=adapter)
    run_id, bridge = "run-19", AgentWebSocketBridge(SimpleNamespace(user_id=key, run_id="run-19", thread_id=None))
    frame = {"type": "tool_executing", "payload": {"tool_name": "search"}}

    def tell_the_bridge() -> Any:
        sender.do = lambda: sent(key, frame)
        return bridge.notify_tool_executing(run_id, "analyst", "search")

    sender.do = tell_the_bridge
    await UnifiedWebSocketEmitter(None, key).notify_tool_executing("search")
    await run(ledger.flush)
    assert "missing" not in await run(lambda: list(ShadowDifference.objects.values_list("kind", flat=True)))


async def test_without_an_old_sender_a_call_is_refused_and_says_what_to_do(
    sender: OldSender, old: Any, key: str, configure: Any, caplog: Any
) -> None:
    await turn("legacy")
    configure(LEGACY_SENDERS={})
    before = failures(ADAPTER, "no_legacy_sender")
    assert await old.notify_tool_executing("search") is None
    assert failures(ADAPTER, "no_legacy_sender") - before == 1
    assert "EMITTER['LEGACY_SENDERS']['unified_emitter']" in caplog.text
    assert await events(key) == []


async def test_each_user_goes_the_way_of_its_share(sender: OldSender, key: str, bob: Any) -> None:
    await turn("legacy")
    await turn("unified", 50)
    setting = history.Setting(ADAPTER, history.Mode.UNIFIED, history.Decimal(50), history.Mode.LEGACY)
    for user in (key, str(bob.pk)):
        await UnifiedWebSocketEmitter(None, user).notify_tool_executing("search")
        stored = len(await events(user))
        assert stored == (setting.mode_of(user) == "unified")
    assert len(sender.calls) == sum(setting.mode_of(user) == "legacy" for user in (key, str(bob.pk)))


async def test_a_call_of_nobody_goes_with_the_others(sender: OldSender) -> None:
    sender.do = lambda: True
    await turn("legacy", adapter="agent_websocket_bridge")
    await turn("unified", 99, adapter="agent_websocket_bridge")
    assert await AgentWebSocketBridge().notify_agent_started("unseen", "analyst") is True
    assert [call[0] for call in sender.calls] == ["notify_agent_started"]


async def test_in_a_share_a_face_translates_each_call_once(sender: OldSender, key: str, monkeypatch: Any) -> None:
    await turn("legacy")
    await turn("unified", 99)
    monkeypatch.setattr(history.Setting, "mode_of", lambda *_: history.Mode.UNIFIED)
    face = UnifiedWebSocketEmitter(None, "nobody")
    before = failures(ADAPTER, "unknown_user")
    await face.notify_agent_started("analyst")
    assert (failures(ADAPTER, "unknown_user") - before, face.get_stats()["error_count"]) == (1, 1)


async def test_the_callers_own_fault_says_nothing_of_the_emitter(sender: OldSender, old: Any) -> None:
    await turn("unified")
    with pytest.raises(TypeError):
        await old.emit_agent_started("text")
    await UnifiedWebSocketEmitter(None, "nobody").notify_agent_started("analyst")
    assert await tallies() == {"unified": (2, 1, 0)}


async def test_a_sender_that_is_not_async_may_use_the_database(old: Any, key: str, configure: Any) -> None:
    def blocking(method: str, args: Any, kwargs: Any, face: Any) -> int:
        frame = getattr(OldUnified(face), method)(*args, **kwargs)
        sent(face.user_id, frame)
        return Event.objects.count()

    configure(LEGACY_SENDERS={ADAPTER: blocking})
    await turn("shadow")
    assert await old.notify_tool_executing("search") == 0
    assert await tallies() == {"shadow": (1, 0, 0)}


async def test_frames_are_told_apart_by_their_calls(sender: OldSender, old: Any) -> None:
    await turn("shadow")
    await asyncio.gather(*(old.notify_tool_executing(f"tool {number}") for number in range(50)))
    assert await tallies() == {"shadow": (50, 0, 0)}


async def test_a_user_whom_the_emitter_does_not_know_is_a_difference(sender: OldSender, db: None) -> None:
    await turn("shadow")
    await UnifiedWebSocketEmitter(None, "nobody").notify_tool_executing("search")
    await tallies()
    (found,) = await run(lambda: list(ShadowDifference.objects.all()))
    assert (found.kind, found.stream) == ("refused", "nobody")
    assert '"code":"unknown_user"' in found.new


async def test_a_run_that_shadow_calls_have_told_of_is_known_to_the_bridge(
    sender: OldSender, old: Any, key: str
) -> None:
    def of_bridge() -> bool:
        frame = {"type": "agent_thinking", "run_id": "run-19", "agent_name": "a", "payload": {"reasoning": "Hm"}}
        sent(None, {**frame, "payload": {**frame["payload"], "status": "thinking"}})  # type: ignore[dict-item]
        return True

    await turn("shadow")
    await turn("shadow", adapter="agent_websocket_bridge")
    await old.emit_agent_started({"run_id": "run-19"})
    sender.do = of_bridge
    assert await AgentWebSocketBridge().notify_agent_thinking("run-19", "a", "Hm") is True
    await tallies()
    assert await run(lambda: list(ShadowDifference.objects.values_list("what", flat=True))) == []


async def test_an_emitter_that_is_slow_does_not_hold_the_old_sender(
    sender: OldSender, old: Any, monkeypatch: Any
) -> None:
    async def hangs(work: Any, *args: Any) -> Any:
        await asyncio.Event().wait()

    await turn("shadow")
    await switch.setting_of(ADAPTER)
    monkeypatch.setattr(shadow, "shadow", fresh := shadow.Shadow())
    monkeypatch.setattr("emitter.migration.route.shadow", fresh)
    monkeypatch.setattr(shadow, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(shadow.blocking, "run", hangs)
    before = failures(ADAPTER, "shadow_failed")
    async with asyncio.timeout(60):
        for _ in range(100):
            await old.notify_tool_executing("search")
    monkeypatch.undo()
    assert (len(sender.calls), failures(ADAPTER, "shadow_failed") - before) == (100, 100)


async def test_a_frame_that_is_none_is_a_difference_and_no_failure(sender: OldSender, old: Any) -> None:
    sender.do = lambda: sent("42", object())
    await turn("shadow")
    await old.notify_tool_executing("search")
    assert await tallies() == {"shadow": (1, 0, 1)}
    assert metrics.value("emitter_shadow_differences_total", adapter=ADAPTER, kind="unreadable") >= 1


def test_inside_a_callers_transaction_the_way_is_the_same(sender: OldSender, old: Any, key: str) -> None:
    async_to_sync(turn)("legacy")
    with transaction.atomic():
        async_to_sync(old.notify_tool_executing)("search")
        async_to_sync(turn)("unified")
        async_to_sync(old.notify_tool_executing)("search")
        transaction.set_rollback(True)
    switch.expire()
    async_to_sync(old.notify_tool_executing)("search")
    assert len(sender.calls) == 2
    assert not Event.objects.filter(stream=key).exists()
