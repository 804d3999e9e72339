"""Face 1 of 4: by the id of the user."""

from typing import Any

from app.events.emitter import emitter
from app.events.types import AgentCompleted, AgentStarted, AgentThinking, Event, ToolCompleted, ToolExecuting

TYPES: dict[str, type[Event]] = {
    "agent_started": AgentStarted,
    "agent_thinking": AgentThinking,
    "tool_executing": ToolExecuting,
    "tool_completed": ToolCompleted,
    "agent_completed": AgentCompleted,
}


class UnifiedWebSocketEmitter:
    def __init__(self, manager: Any, user_id: str, context: Any = None) -> None:
        self.user_id = user_id
        self.context = context

    async def emit_agent_started(self, data: dict[str, Any]) -> None:
        await self._emit(AgentStarted(data.get("message"), data))

    async def emit_agent_thinking(self, data: dict[str, Any]) -> None:
        await self._emit(AgentThinking(data["thought"]))

    async def emit_tool_executing(self, data: dict[str, Any]) -> None:
        await self._emit(ToolExecuting(data["tool"], data.get("metadata")))

    async def emit_tool_completed(self, data: dict[str, Any]) -> None:
        await self._emit(ToolCompleted(data["tool"], data.get("metadata")))

    async def emit_agent_completed(self, data: dict[str, Any]) -> None:
        await self._emit(AgentCompleted(data.get("result")))

    async def emit(self, event_type: str, data: dict[str, Any]) -> None:
        await self._emit(TYPES[event_type](**data))

    async def _emit(self, event: Event) -> None:
        await emitter.emit(self.user_id, self.context.run_id, event)
