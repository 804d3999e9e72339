"""A run, told event by event, so that a test can cut a connection in its middle."""

from typing import Any

from emitter.context import RunContext
from emitter.events import AgentCompleted, AgentStarted, AgentThinking, Event, ToolCompleted, ToolExecuting
from emitter.service import emitter

STORY: list[Event] = [
    AgentStarted("How many entries?"),
    AgentThinking("Looking into the ledger", step_number=1),
    ToolExecuting("search", {"query": "entries"}, call_id="c1"),
    ToolCompleted("search", {"hits": 3}, execution_time_ms=12.5, call_id="c1"),
    AgentCompleted({"answer": "There are three."}, execution_time_ms=20.0),
]


async def tell(key: str, *parts: int, run: str = "run-1", **payload: Any) -> None:
    """Emits these parts of the story, all of them when none is named."""
    context = RunContext(key, run_id=run, agent_name="analyst")
    for part in parts or range(len(STORY)):
        await emitter.aemit(context, STORY[part])
