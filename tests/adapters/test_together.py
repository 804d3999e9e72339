"""All old faces at once from many tasks: one gapless stream, each call once, and each caller's order kept."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from emitter import blocking
from emitter.adapters.agent_websocket_bridge import AgentWebSocketBridge
from emitter.adapters.base_agent import BaseAgent
from emitter.adapters.context import UserExecutionContext
from emitter.adapters.transparent_websocket_events import TransparentWebSocketEmitter
from emitter.adapters.unified_emitter import UnifiedWebSocketEmitter
from emitter.log.verify import faults_of

from ..sockets import converse
from .rows import events

pytestmark = pytest.mark.django_db(transaction=True)

TASKS, THOUGHTS = 10, 8
Think = Callable[[str, int], Awaitable[Any]]


def faces(context: Any) -> dict[str, Think]:
    """How each old face tells a thought and its number."""
    bridge = AgentWebSocketBridge(context)
    agent = BaseAgent(name="analyst")
    agent.set_websocket_bridge(bridge, context.run_id)
    unified, transparent = UnifiedWebSocketEmitter(None, context.user_id, context), TransparentWebSocketEmitter(context)
    return {
        "agent_websocket_bridge": lambda thought, step: bridge.notify_agent_thinking(
            "run-19", "analyst", thought, step
        ),
        "base_agent": agent.emit_thinking,
        "unified_emitter": lambda thought, step: unified.notify_agent_thinking("analyst", thought, None, step),
        "transparent_websocket_events": transparent.emit_agent_thinking,
    }


async def think_all(context: Any) -> None:
    """Many tasks a face, all let go at the same moment."""
    gate = asyncio.Event()

    async def caller(think: Think, number: int) -> None:
        await gate.wait()
        for step in range(1, THOUGHTS + 1):
            await think(f"task {number}", step)

    async with asyncio.TaskGroup() as group:
        for think in faces(context).values():
            for number in range(TASKS):
                group.create_task(caller(think, number))
        gate.set()


async def test_one_gapless_stream_without_a_repetition(context: Any, key: str) -> None:
    await think_all(context)
    stored = await events(key)
    assert [event["seq"] for event in stored] == list(range(1, 4 * TASKS * THOUGHTS + 1))
    assert len({event["id"] for event in stored}) == len(stored)
    assert Counter(event["source"] for event in stored) == dict.fromkeys(faces(context), TASKS * THOUGHTS)
    assert (await blocking.run(faults_of, key)).faults == []


async def test_each_callers_order_is_the_streams(context: Any, key: str) -> None:
    await think_all(context)
    orders: dict[tuple[str, str], list[int]] = {}
    for event in await events(key):
        said = event["payload"]
        orders.setdefault((event["source"], said["thought"]), []).append(said["step_number"])
    assert len(orders) == 4 * TASKS
    assert set(map(tuple, orders.values())) == {tuple(range(1, THOUGHTS + 1))}


async def test_a_client_applies_what_all_of_them_told(context: Any, key: str) -> None:
    async with converse(key) as client:
        await think_all(context)
        await client.until(4 * TASKS * THOUGHTS)
    assert client.position == 4 * TASKS * THOUGHTS


async def test_users_stay_apart(context: Any, key: str, bob: Any) -> None:
    bobs = UserExecutionContext(str(bob.pk), "thread_8", "run-20")
    others = UnifiedWebSocketEmitter(None, bobs.user_id, bobs)
    await asyncio.gather(think_all(context), *(others.notify_agent_thinking(thought="of bob") for _ in range(20)))
    assert {event["payload"]["thought"] for event in await events(str(bob.pk))} == {"of bob"}
    assert "of bob" not in {event["payload"]["thought"] for event in await events(key)}
