"""Emitter 3 of 4: the shortcut that every agent inherits."""

from typing import Any

from app.agents.mixins.websocket_bridge_adapter import WebSocketBridgeAdapter


class BaseAgent:
    def __init__(self, name: str = "BaseAgent") -> None:
        self.name = name
        self._websocket_adapter = WebSocketBridgeAdapter()

    def set_websocket_bridge(self, bridge: Any, run_id: str) -> None:
        self._websocket_adapter.set_websocket_bridge(bridge, run_id, self.name)

    async def emit_agent_started(self, message: str | None = None) -> None:
        await self._websocket_adapter.emit_agent_started(message)

    async def emit_thinking(self, thought: str, step_number: int | None = None) -> None:
        await self._websocket_adapter.emit_thinking(thought, step_number)

    async def emit_tool_executing(self, tool_name: str, parameters: dict[str, Any] | None = None) -> None:
        await self._websocket_adapter.emit_tool_executing(tool_name, parameters)

    async def emit_tool_completed(self, tool_name: str, result: dict[str, Any] | None = None) -> None:
        await self._websocket_adapter.emit_tool_completed(tool_name, result)

    async def emit_agent_completed(self, result: dict[str, Any] | None = None) -> None:
        await self._websocket_adapter.emit_agent_completed(result)

    async def execute_with_context(self, context: Any) -> Any:
        await self.emit_agent_started(f"{self.name} begins")
        result = await self.execute_core_logic(context)
        await self.emit_agent_completed({"status": "success", "result_type": type(result).__name__})
        return result

    async def execute_core_logic(self, context: Any) -> Any:
        await self.emit_thinking("Nothing to do")
        return {"status": "idle"}
