"""``TransparentWebSocketBridge``: the emitter on a context, with fewer arguments."""

from __future__ import annotations

from typing import Any

from emitter.adapters.transparent_websocket_events.emitter import TransparentWebSocketEmitter


class TransparentWebSocketBridge:
    """Hands each call to its ``emitter``; callers reach through it for the rest."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.emitter = TransparentWebSocketEmitter(context)

    async def emit_service_initializing(self, service_name: str, initialization_steps: list[str] | None = None) -> None:
        await self.emitter.emit_service_initializing(service_name, initialization_steps)

    async def emit_service_ready(self, service_name: str, initialization_time_ms: float | None = None) -> None:
        await self.emitter.emit_service_ready(service_name, initialization_time_ms)

    async def emit_service_degraded(
        self, service_name: str, reason: str, fallback_options: list[str] | None = None
    ) -> None:
        await self.emitter.emit_service_degraded(service_name, reason, fallback_options)

    async def emit_service_unavailable(
        self,
        service_name: str,
        reason: str,
        estimated_recovery_seconds: int | None = None,
        alternatives: list[str] | None = None,
    ) -> None:
        await self.emitter.emit_service_unavailable(service_name, reason, estimated_recovery_seconds, alternatives)

    async def emit_service_recovered(self, service_name: str, recovery_time_ms: float | None = None) -> None:
        await self.emitter.emit_service_recovered(service_name, recovery_time_ms)

    async def emit_agent_started(self, agent_name: str) -> None:
        await self.emitter.emit_agent_started(agent_name)

    async def emit_agent_thinking(self, thought: str, step_number: int | None = None) -> None:
        await self.emitter.emit_agent_thinking(thought, step_number)

    async def emit_tool_executing(self, tool_name: str) -> None:
        await self.emitter.emit_tool_executing(tool_name)

    async def emit_tool_completed(self, tool_name: str, result: Any) -> None:
        await self.emitter.emit_tool_completed(tool_name, result)

    async def emit_agent_completed(self, result: Any) -> None:
        await self.emitter.emit_agent_completed(result)
