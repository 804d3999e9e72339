"""What an agent has in place of a bridge."""

import logging
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from app.services.agent_websocket_bridge import AgentWebSocketBridge

logger = logging.getLogger(__name__)


class WebSocketBridgeAdapter:
    def __init__(self) -> None:
        self._bridge: Optional["AgentWebSocketBridge"] = None
        self._run_id: str | None = None
        self._agent_name: str | None = None

    def set_websocket_bridge(self, bridge: "AgentWebSocketBridge", run_id: str, agent_name: str) -> None:
        self._bridge, self._run_id, self._agent_name = bridge, run_id, agent_name

    async def emit_agent_started(self, message: str | None = None) -> None:
        self._require()
        try:
            await self._bridge.notify_agent_started(self._run_id, self._agent_name, {"message": message})
        except Exception as error:
            logger.warning("agent_started was not sent: %s", error)

    async def emit_thinking(self, thought: str, step_number: int | None = None) -> None:
        self._require()
        try:
            await self._bridge.notify_agent_thinking(self._run_id, self._agent_name, thought, step_number=step_number)
        except Exception as error:
            logger.warning("agent_thinking was not sent: %s", error)

    async def emit_tool_executing(self, tool_name: str, parameters: dict[str, Any] | None = None) -> None:
        self._require()
        await self._bridge.notify_tool_executing(self._run_id, self._agent_name, tool_name, parameters)

    async def emit_tool_completed(self, tool_name: str, result: dict[str, Any] | None = None) -> None:
        self._require()
        await self._bridge.notify_tool_completed(self._run_id, self._agent_name, tool_name, result)

    async def emit_agent_completed(self, result: dict[str, Any] | None = None) -> None:
        self._require()
        await self._bridge.notify_agent_completed(self._run_id, self._agent_name, result)

    def _require(self) -> None:
        if self._bridge is None or self._run_id is None:
            raise RuntimeError("Agents need a bridge and a run")
