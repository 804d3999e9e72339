"""Face 4 of 4: flat frames, once."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from app.events.emitter import emitter
from app.events.types import AgentCompleted, AgentStarted, AgentThinking, Event, ToolCompleted, ToolExecuting


def emits(translate: Callable[..., Event]) -> Callable[..., Coroutine[Any, Any, None]]:
    """Makes the old method of what it becomes."""

    @wraps(translate)
    async def method(self: "TransparentWebSocketEmitter", *args: Any, **kwargs: Any) -> None:
        await emitter.emit(self.context.user_id, self.context.run_id, translate(self, *args, **kwargs))

    return method


class TransparentWebSocketEmitter:
    def __init__(self, context: Any) -> None:
        self.context = context

    @emits
    def emit_agent_started(self, agent_name: str, agent_description: str | None = None) -> Event:
        return AgentStarted(agent_description, {"agent_name": agent_name})

    @emits
    def emit_agent_thinking(self, thought: str, step_number: int | None = None) -> Event:
        return AgentThinking(thought, step_number)

    @emits
    def emit_tool_executing(self, tool_name: str, tool_description: str | None = None) -> Event:
        return ToolExecuting(tool_name, {"description": tool_description})

    @emits
    def emit_tool_completed(self, tool_name: str, result: Any = None) -> Event:
        return ToolCompleted(tool_name, result)

    @emits
    def emit_agent_completed(self, result: Any = None, execution_time_ms: float | None = None) -> Event:
        return AgentCompleted(result, execution_time_ms)
