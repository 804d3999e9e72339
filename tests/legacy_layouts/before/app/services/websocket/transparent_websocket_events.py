"""Emitter 4 of 4: what services do, and the events of agents, in flat frames."""

import logging
from datetime import UTC, datetime
from enum import Enum
from typing import Any

logger = logging.getLogger(__name__)


class WebSocketEventType(str, Enum):
    SERVICE_READY = "service_ready"
    AGENT_STARTED = "agent_started"
    AGENT_THINKING = "agent_thinking"
    TOOL_EXECUTING = "tool_executing"
    TOOL_COMPLETED = "tool_completed"
    AGENT_COMPLETED = "agent_completed"


class TransparentWebSocketEmitter:
    def __init__(self, context: Any) -> None:
        self.context = context
        self.events_sent: list[dict[str, Any]] = []

    async def emit_service_ready(self, service_name: str, initialization_time_ms: float) -> None:
        event = {
            "type": WebSocketEventType.SERVICE_READY.value,
            "service_name": service_name,
            "initialization_time_ms": initialization_time_ms,
        }
        await self._emit_event(event)

    async def emit_agent_started(self, agent_name: str, agent_description: str | None = None) -> None:
        event = {
            "type": WebSocketEventType.AGENT_STARTED.value,
            "agent_name": agent_name,
            "agent_description": agent_description,
            "timestamp": datetime.now(UTC).isoformat(),
        }
        await self._emit_event(event)

    async def emit_agent_thinking(self, thought: str, step_number: int | None = None) -> None:
        event = {"type": WebSocketEventType.AGENT_THINKING.value, "thought": thought, "step_number": step_number}
        await self._emit_event(event)

    async def emit_tool_executing(self, tool_name: str, tool_description: str | None = None) -> None:
        event = {"type": WebSocketEventType.TOOL_EXECUTING.value, "tool_name": tool_name}
        event["tool_description"] = tool_description
        await self._emit_event(event)

    async def emit_tool_completed(self, tool_name: str, result: Any = None) -> None:
        event = {"type": WebSocketEventType.TOOL_COMPLETED.value, "tool_name": tool_name, "result": result}
        await self._emit_event(event)

    async def emit_agent_completed(self, result: Any = None, execution_time_ms: float | None = None) -> None:
        event = {"type": WebSocketEventType.AGENT_COMPLETED.value, "result": result, "time": execution_time_ms}
        await self._emit_event(event)

    async def _emit_event(self, event: dict[str, Any]) -> None:
        event["metadata"] = {"user_tier": self.context.user_tier}
        self.events_sent.append(event)
        try:
            await self.context.websocket_manager.send_to_user(user_id=self.context.user_id, event_data=event)
        except Exception:
            logger.exception("%s was not sent", event["type"])


class TransparentWebSocketBridge:
    def __init__(self, context: Any) -> None:
        self.context = context
        self.emitter = TransparentWebSocketEmitter(context)

    async def emit_service_ready(self, service_name: str, initialization_time_ms: float) -> None:
        await self.emitter.emit_service_ready(service_name, initialization_time_ms)
