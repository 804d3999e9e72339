"""The rows of an old agent. It told the bridge, so each is a row of the bridge with run and name filled in."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from emitter.adapters.agent_websocket_bridge import AgentWebSocketBridge
from emitter.adapters.agent_websocket_bridge.threads import Resolver
from emitter.adapters.call import Face, Told, answers, rows
from emitter.context import RunContext
from emitter.errors import EmitterError

JsonDict = dict[str, Any]

BRIDGE = rows(AgentWebSocketBridge)


class NoBridge(EmitterError, RuntimeError):
    """The agent has no run to tell of; the old one raised ``RuntimeError``."""

    def __init__(self, agent: str) -> None:
        super().__init__("no_bridge", f"{agent} emits before set_websocket_bridge(bridge, run_id) was called.")


#: Raises without a bridge; says nothing without one. Neither tells the agent of what goes wrong later.
critical = answers(None, None, raises=(NoBridge,))
auxiliary = answers(None, None)


class AgentEvents(Face):
    """What an agent tells of its run. Whose the run is says the bridge that it was given."""

    adapter = "base_agent"
    _legacy_bridge: Any = None
    _legacy_run_id: str | None = None
    _legacy_silent = False
    _legacy_resolver: Resolver | None = None
    #: Whom the agent works for, where the bridge does not say.
    user_context: Any = None
    user_id: str | None = None

    def _legacy_name(self) -> str:
        raise NotImplementedError

    # The rows ---------------------------------------------------------------------------------------------------------

    @critical
    def emit_agent_started(self, message: str | None = None) -> Told | None:
        return self._legacy_tell("notify_agent_started", {"message": message} if message else {})

    @critical
    def emit_thinking(self, thought: str, step_number: int | None = None) -> Told | None:
        return self._legacy_tell("notify_agent_thinking", thought, step_number)

    @critical
    def emit_tool_executing(self, tool_name: str, parameters: JsonDict | None = None) -> Told | None:
        return self._legacy_tell("notify_tool_executing", tool_name, parameters)

    @critical
    def emit_tool_started(self, tool_name: str, parameters: JsonDict | None = None) -> Told | None:
        return self._legacy_tell("notify_tool_executing", tool_name, parameters)

    @critical
    def emit_tool_completed(self, tool_name: str, result: JsonDict | None = None) -> Told | None:
        return self._legacy_tell("notify_tool_completed", tool_name, result)

    @critical
    def emit_agent_completed(self, result: JsonDict | None = None) -> Told | None:
        return self._legacy_tell("notify_agent_completed", result)

    @auxiliary
    def emit_progress(self, content: str, is_complete: bool = False) -> Told | None:
        told = self._legacy_mention("notify_progress_update", {"message": content})
        return told and told._replace(payload={**told.payload, "is_complete": is_complete})

    @auxiliary
    def emit_error(
        self, error_message: str, error_type: str | None = None, error_details: JsonDict | None = None
    ) -> Told | None:
        named = {"error_type": error_type or "general"} if error_type or error_details else None
        return self._legacy_mention("notify_agent_error", error_message, named)

    @auxiliary
    def emit_subagent_started(self, subagent_name: str, subagent_id: str | None = None) -> Told | None:
        names = {"subagent_name": subagent_name, "subagent_id": subagent_id}
        return self._legacy_mention("notify_custom", "subagent_started", names)

    @auxiliary
    def emit_subagent_completed(
        self,
        subagent_name: str,
        subagent_id: str | None = None,
        result: JsonDict | None = None,
        duration_ms: float = 0,
    ) -> Told | None:
        names = {"subagent_name": subagent_name, "subagent_id": subagent_id}
        return self._legacy_mention(
            "notify_custom", "subagent_completed", {**names, "result": result, "duration_ms": duration_ms}
        )

    # How a row of the bridge becomes one of the agent -----------------------------------------------------------------

    def _legacy_tell(self, row: str, *said: Any) -> Told | None:
        """The bridge's row for this agent's run. Raises :class:`NoBridge`, but in test mode."""
        if not (self._legacy_has_run() or self._legacy_silent):
            raise NoBridge(self._legacy_name())
        return self._legacy_mention(row, *said)

    def _legacy_mention(self, row: str, *said: Any) -> Told | None:
        """The same for what an agent without a bridge keeps to itself."""
        return self._legacy_row(row, self._legacy_run_id, *said) if self._legacy_has_run() else None

    def _legacy_has_run(self) -> bool:
        return self._legacy_bridge is not None and bool(self._legacy_run_id)

    def _legacy_row(self, row: str, run_id: Any, *said: Any) -> Told | None:
        return BRIDGE[row](self, run_id, self._legacy_name(), *said)

    async def _legacy_context(self, told: Told) -> RunContext:
        bridge = self._legacy_bridge
        bound = getattr(bridge, "user_context", None) or getattr(bridge, "context", None) or self.user_context
        if bound is None and self.user_id:
            bound = SimpleNamespace(user_id=self.user_id)
        if isinstance(bridge, AgentWebSocketBridge):
            found = await bridge._whose(told.run_id, bound)
        else:
            self._legacy_resolver = self._legacy_resolver or Resolver()
            found = await self._legacy_resolver.find(told.run_id, bound, None)
        return replace(found, agent_name=told.agent, source=self.adapter)


class WebSocketBridgeAdapter(AgentEvents):
    """The object through which an agent told its bridge."""

    _agent_name = "agent"

    def set_websocket_bridge(self, bridge: Any, run_id: str, agent_name: str) -> None:
        self._legacy_bridge, self._legacy_run_id, self._agent_name = bridge, run_id, agent_name

    def has_websocket_bridge(self) -> bool:
        return self._legacy_has_run()

    def enable_test_mode(self) -> None:
        """From now on a missing bridge keeps the agent silent instead of raising."""
        self._legacy_silent = True

    def _legacy_name(self) -> str:
        return self._agent_name
