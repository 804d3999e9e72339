"""What a client does not want it is told of as a position, so that a hole always means loss."""

from typing import Any

import pytest

from emitter.context import RunContext
from emitter.events import AgentCompleted, AgentStarted, AgentThinking
from emitter.service import emitter

from .sockets import converse
from .streams import stored, think

pytestmark = pytest.mark.django_db(transaction=True)


async def mixed(key: str) -> None:
    """Numbers 1 to 6: started, thinking, thinking, completed, and two of another run."""
    one, two = RunContext(key, run_id="one"), RunContext(key, run_id="two")
    await emitter.aemit_many(
        [
            (one, AgentStarted("Why?")),
            (one, AgentThinking("Hm")),
            (one, AgentThinking("Ah")),
            (one, AgentCompleted("Because")),
            (two, AgentStarted("How?")),
            (two, AgentThinking("Hm")),
        ]
    )


@pytest.mark.parametrize(
    ("wanted", "events", "positions"),
    [
        ({"types": ["agent_completed"]}, [4], [3, 6]),
        ({"types": ["agent_started", "agent_completed"]}, [1, 4, 5], [3, 6]),
        ({"run_id": "two"}, [5, 6], [4]),
        ({"types": ["agent_thinking"], "run_id": "two"}, [6], [5]),
        ({"types": []}, [], [6]),
        ({"types": None, "run_id": None}, [1, 2, 3, 4, 5, 6], []),
    ],
)
async def test_what_a_filter_leaves_out_is_said_as_a_position(
    key: str, wanted: dict[str, Any], events: list[int], positions: list[int]
) -> None:
    async with converse(key) as client:
        await client.send("filter", **wanted)
        await mixed(key)
        assert await client.until(6) == events
    assert [frame["seq"] for frame in client.frames if frame["type"] == "position"] == positions


async def test_a_position_is_acknowledged_like_an_event(key: str) -> None:
    async with converse(key, device="phone") as client:
        await client.send("filter", types=["agent_completed"])
        await mixed(key)
        await client.until(6)
    assert await stored(key) == 6


async def test_a_filter_holds_from_then_on_and_can_be_taken_back(key: str) -> None:
    async with converse(key) as client:
        await client.send("filter", types=[])
        await mixed(key)
        await client.until(6)
        await client.send("filter")
        await think(key, run="one")
        assert await client.until(7) == [7]
