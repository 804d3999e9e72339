"""Emitter 1 of 4: by the id of the user."""

import asyncio
import time
from typing import Any

from app.websocket_core.manager import WebSocketManager


class UnifiedWebSocketEmitter:
    CRITICAL_EVENTS = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")

    def __init__(self, manager: WebSocketManager, user_id: str, context: Any = None) -> None:
        self.manager = manager
        self.user_id = user_id
        self.context = context
        self.counts = dict.fromkeys(self.CRITICAL_EVENTS, 0)

    async def emit_agent_started(self, data: dict[str, Any]) -> None:
        await self._emit_critical("agent_started", data)

    async def emit_agent_thinking(self, data: dict[str, Any]) -> None:
        await self._emit_critical("agent_thinking", data)

    async def emit_tool_executing(self, data: dict[str, Any]) -> None:
        await self._emit_critical("tool_executing", data)

    async def emit_tool_completed(self, data: dict[str, Any]) -> None:
        await self._emit_critical("tool_completed", data)

    async def emit_agent_completed(self, data: dict[str, Any]) -> None:
        await self._emit_critical("agent_completed", data)

    async def emit(self, event_type: str, data: dict[str, Any]) -> None:
        if event_type in self.CRITICAL_EVENTS:
            await self._emit_critical(event_type, data)
        else:
            await self.notify_custom(event_type, data)

    async def notify_agent_started(self, agent_name: str, metadata: dict[str, Any] | None = None) -> None:
        data = {"agent_name": agent_name, "metadata": metadata or {}, "status": "started", "timestamp": time.time()}
        await self._emit_critical("agent_started", data)

    async def notify_tool_executing(self, tool_name: str, metadata: dict[str, Any] | None = None) -> None:
        data = {"tool": tool_name, "metadata": metadata or {}, "status": "executing", "timestamp": time.time()}
        await self._emit_critical("tool_executing", data)

    async def notify_custom(self, event_type: str, data: dict[str, Any]) -> None:
        await self.manager.emit_critical_event(user_id=self.user_id, event_type=event_type, data=data)

    async def _emit_critical(self, event_type: str, data: dict[str, Any]) -> bool:
        if not self.manager.is_connection_active(self.user_id):
            return False
        self.counts[event_type] += 1
        for attempt in range(3):
            try:
                await self.manager.emit_critical_event(user_id=self.user_id, event_type=event_type, data=data)
                return True
            except ConnectionError:
                await asyncio.sleep(0.1 * 2**attempt)
        return False


class AuthenticationWebSocketEmitter(UnifiedWebSocketEmitter):
    async def emit_auth_event(self, event_type: str, data: dict[str, Any]) -> None:
        for _ in range(5):
            if await self._emit_critical(event_type, data):
                return


class WebSocketEmitterFactory:
    @staticmethod
    def create_emitter(manager: WebSocketManager, user_id: str, context: Any = None) -> UnifiedWebSocketEmitter:
        return UnifiedWebSocketEmitter(manager, user_id, context)
