"""The database goes away: no old caller is told of it, and no event is lost while there is a spool."""

import asyncio
from typing import Any

import pytest

from emitter.adapters.agent_websocket_bridge import AgentWebSocketBridge
from emitter.adapters.base_agent import BaseAgent
from emitter.adapters.transparent_websocket_events import TransparentWebSocketEmitter
from emitter.adapters.unified_emitter import UnifiedWebSocketEmitter

from ..processes import PostgreSQL
from ..test_spool import TRIED, drained
from .rows import events, failures

pytestmark = [pytest.mark.scaled, pytest.mark.django_db(transaction=True)]
SOURCES = ["unified_emitter", "agent_websocket_bridge", "base_agent", "transparent_websocket_events"]


async def call_each(context: Any, *, at_once: bool = False) -> list[Any]:
    """One call of each face, in the order of SOURCES, and what it answers."""
    bridge, agent = AgentWebSocketBridge(context), BaseAgent(name="analyst")
    agent.set_websocket_bridge(bridge, context.run_id)
    unified, transparent = UnifiedWebSocketEmitter(None, context.user_id, context), TransparentWebSocketEmitter(context)
    calls: list[Any] = [
        unified.notify_agent_thinking(thought="t"),
        bridge.notify_agent_thinking(context.run_id, "analyst", "t"),
        agent.emit_thinking("t"),
        transparent.emit_agent_thinking("t"),
    ]
    return await asyncio.gather(*calls) if at_once else [await call for call in calls]


async def test_what_they_tell_waits_in_the_spool_and_counts_as_taken(
    context: Any, key: str, configure: Any, tmp_path: Any, postgres_server: PostgreSQL
) -> None:
    configure(EMIT_DEADLINE=TRIED, SPOOL_FOLDER=str(tmp_path))
    postgres_server.stop()
    assert await call_each(context) == [None, True, None, None]
    assert await AgentWebSocketBridge(context).notify_agent_started("run-20", "analyst") is True
    postgres_server.start()
    await asyncio.to_thread(drained)
    assert [event["source"] for event in await events(key)] == [*SOURCES, "agent_websocket_bridge"]


async def test_without_a_spool_each_answers_as_its_contract_says(
    context: Any, key: str, configure: Any, postgres_server: PostgreSQL
) -> None:
    configure(EMIT_DEADLINE=TRIED, SPOOL_FOLDER=None)
    before = [failures(source, "database_unavailable") for source in SOURCES]
    postgres_server.stop()
    assert await call_each(context, at_once=True) == [None, False, None, None]
    assert [failures(source, "database_unavailable") for source in SOURCES] == [one + 1 for one in before]
    assert await AgentWebSocketBridge().notify_agent_started("unseen", "analyst") is False
    postgres_server.start()
    configure(EMIT_DEADLINE=60)
    assert await call_each(context) == [None, True, None, None]
