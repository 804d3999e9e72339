"""Face 2 of 4: by the id of the run."""

import logging
from typing import Any

from app.events import types
from app.events.emitter import Emitter, emitter

logger = logging.getLogger(__name__)


class AgentWebSocketBridge:
    def __init__(self, user_context: Any = None, one: Emitter = emitter) -> None:
        self.user_context = user_context
        self._emitter = one

    async def notify_agent_started(self, run_id: str, agent_name: str, context: dict[str, Any] | None = None) -> bool:
        return await self._told(run_id, types.AgentStarted(f"{agent_name} has started", context or {}))

    async def notify_agent_thinking(self, run_id: str, agent_name: str, reasoning: str, step_number: int = 0) -> bool:
        return await self._told(run_id, types.AgentThinking(reasoning, step_number))

    async def notify_tool_executing(self, run_id: str, agent_name: str, tool_name: str, parameters: Any = None) -> bool:
        return await self._told(run_id, types.ToolExecuting(tool_name, parameters))

    async def notify_tool_completed(self, run_id: str, agent_name: str, tool_name: str, result: Any = None) -> bool:
        return await self._told(run_id, types.ToolCompleted(tool_name, result))

    async def notify_agent_completed(self, run_id: str, agent_name: str, result: Any = None) -> bool:
        return await self._told(run_id, types.AgentCompleted(result))

    async def _told(self, run_id: str, event: types.Event) -> bool:
        try:
            await self._emitter.emit(self.user_context.user_id, run_id, event)
        except Exception:
            logger.exception("%s of %s was not sent", event.type, run_id)
            return False
        return True
