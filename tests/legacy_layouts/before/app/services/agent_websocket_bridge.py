"""Emitter 2 of 4: by the id of the run, over the thread that it belongs to."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

logger = logging.getLogger(__name__)


class AgentWebSocketBridge:
    def __init__(self, user_context: Any = None) -> None:
        self.user_context = user_context
        self._websocket_manager: Any = None
        self._threads: dict[str, str] = {}

    async def notify_agent_started(self, run_id: str, agent_name: str, context: dict[str, Any] | None = None) -> bool:
        notification = {
            "type": "agent_started",
            "run_id": run_id,
            "agent_name": agent_name,
            "timestamp": datetime.now(UTC).isoformat(),
            "payload": {"status": "started", "context": context or {}, "message": f"{agent_name} has started"},
        }
        return await self._emit_with_retry("agent_started", run_id, notification, max_retries=3)

    async def notify_agent_thinking(self, run_id: str, agent_name: str, reasoning: str, step_number: int = 0) -> bool:
        notification = {
            "type": "agent_thinking",
            "run_id": run_id,
            "agent_name": agent_name,
            "timestamp": datetime.now(UTC).isoformat(),
            "payload": {"reasoning": reasoning, "step_number": step_number, "status": "thinking"},
        }
        return await self._emit_with_retry("agent_thinking", run_id, notification, max_retries=2)

    async def notify_tool_executing(self, run_id: str, agent_name: str, tool_name: str, parameters: Any = None) -> bool:
        notification = {
            "type": "tool_executing",
            "run_id": run_id,
            "agent_name": agent_name,
            "timestamp": datetime.now(UTC).isoformat(),
            "payload": {"tool_name": tool_name, "parameters": parameters, "status": "executing"},
        }
        return await self._emit_with_retry("tool_executing", run_id, notification, max_retries=3)

    async def notify_tool_completed(self, run_id: str, agent_name: str, tool_name: str, result: Any = None) -> bool:
        notification = {
            "type": "tool_completed",
            "run_id": run_id,
            "agent_name": agent_name,
            "timestamp": datetime.now(UTC).isoformat(),
            "payload": {"tool_name": tool_name, "result": result, "status": "completed"},
        }
        return await self._emit_with_retry("tool_completed", run_id, notification, max_retries=3)

    async def notify_agent_completed(self, run_id: str, agent_name: str, result: Any = None) -> bool:
        notification = {
            "type": "agent_completed",
            "run_id": run_id,
            "agent_name": agent_name,
            "timestamp": datetime.now(UTC).isoformat(),
            "payload": {"result": result, "status": "completed"},
        }
        return await self._emit_with_retry("agent_completed", run_id, notification, max_retries=5)

    async def notify_agent_error(self, run_id: str, agent_name: str, error: str) -> bool:
        notification = {"type": "agent_error", "run_id": run_id, "agent_name": agent_name, "payload": {"error": error}}
        try:
            return await self._websocket_manager.send_to_thread(self._thread_of(run_id), notification)
        except Exception:
            logger.exception("agent_error of %s was not sent", run_id)
            return False

    async def emit_agent_event(self, event_type: str, data: dict[str, Any], run_id: str | None = None) -> bool:
        """Line 1752 of the original."""
        message = {"type": event_type, "run_id": run_id, "timestamp": datetime.now(UTC).isoformat(), **data}
        try:
            return await self._websocket_manager.send_to_thread(self._thread_of(run_id), message)
        except Exception:
            logger.exception("%s of %s was not sent", event_type, run_id)
            return False

    def _thread_of(self, run_id: str | None) -> str:
        return self._threads.get(run_id or "", f"thread_{run_id}")


class WebSocketNotifier:
    """Holds the bridge's own helper, by a slip of the indentation."""

    def __init__(self, emitter: Any, exec_context: Any) -> None:
        self.emitter = emitter
        self.exec_context = exec_context
        self._websocket_manager: Any = None

    async def send_agent_thinking(self, exec_context: Any, message: str) -> None:
        await self.emitter.notify_agent_thinking(exec_context.agent_name, message, step_number=1)

    async def _emit_with_retry(self, event_type: str, run_id: str, notification: Any, max_retries: int) -> bool:
        for attempt in range(max_retries + 1):
            try:
                if await self._websocket_manager.send_to_thread(f"thread_{run_id}", notification):
                    return True
            except Exception:
                logger.exception("%s failed for the %d. time", event_type, attempt)
            await asyncio.sleep(0.05 * 2**attempt)
        return False


def create_agent_websocket_bridge(user_context: Any = None) -> AgentWebSocketBridge:
    return AgentWebSocketBridge(user_context)
