"""What an old agent kept beside telling: whom it tells, where it is in its life, what its context remembers."""

from __future__ import annotations

import logging
import warnings
from typing import Any
from uuid import uuid4

from emitter.adapters.base_agent import usage
from emitter.adapters.base_agent.events import AgentEvents
from emitter.adapters.base_agent.lifecycle import SubAgentLifecycle, check_step
from emitter.adapters.context import UserExecutionContext, validate_user_context
from emitter.adapters.plain import plain
from emitter.adapters.unified_emitter import UnifiedWebSocketEmitter
from emitter.events import Usage

JsonDict = dict[str, Any]


class AgentState(AgentEvents):
    """The part of an agent that only keeps state."""

    def __init__(
        self,
        llm_manager: Any = None,
        name: str = "BaseAgent",
        description: str = "An agent.",
        agent_id: str | None = None,
        user_id: str | None = None,
        enable_reliability: bool = True,
        enable_execution_engine: bool = True,
        enable_caching: bool = False,
        tool_dispatcher: Any = None,
        redis_manager: Any = None,
        user_context: Any = None,
    ) -> None:
        super().__init__()
        if tool_dispatcher is not None:
            warn("tool_dispatcher: give each request a dispatcher of its own.")
        self.llm_manager = llm_manager
        self.name = name
        self.description = description
        self.agent_id = agent_id or f"{name}_{uuid4().hex[:8]}"
        self.user_id = user_id
        self.enable_reliability = enable_reliability
        self.enable_execution_engine = enable_execution_engine
        self.enable_caching = enable_caching
        self.tool_dispatcher = tool_dispatcher
        self.redis_manager = redis_manager
        self.user_context = user_context
        self.state = SubAgentLifecycle.PENDING
        self.context: JsonDict = {}
        self.logger = logging.getLogger(name)
        self._websocket_context: JsonDict = {}
        self._websocket_emitter: UnifiedWebSocketEmitter | None = None
        self._legacy_metered: tuple[str | None, int] = (None, 0)

    # Whom it tells ----------------------------------------------------------------------------------------------------

    def set_websocket_bridge(self, bridge: Any, run_id: str) -> None:
        """Before any of the five critical events. The bridge says whose the run is; its methods are not called."""
        self._legacy_bridge, self._legacy_run_id = bridge, run_id

    def has_websocket_context(self) -> bool:
        return self._legacy_has_run()

    def propagate_websocket_context_to_state(self, context: JsonDict) -> None:
        """Keeps it. Nothing is sent."""
        self._websocket_context = context

    def enable_websocket_test_mode(self) -> None:
        """From now on a missing bridge keeps the agent silent instead of raising."""
        self._legacy_silent = True

    @property
    def websocket_emitter(self) -> UnifiedWebSocketEmitter | None:
        """An emitter for the agent's user, if it has a context."""
        if self._websocket_emitter is None and self.user_context is not None:
            self._websocket_emitter = UnifiedWebSocketEmitter(None, self.user_context.user_id, self.user_context)
        return self._websocket_emitter

    def set_user_context(self, user_context: UserExecutionContext) -> None:
        """Raises ``TypeError`` for anything else, ``ContextIsolationError`` when it shares its session."""
        self.user_context = validate_user_context(user_context)
        self._websocket_emitter = None

    def _legacy_name(self) -> str:
        return self.name

    # Its life ---------------------------------------------------------------------------------------------------------

    def set_state(self, new_state: SubAgentLifecycle) -> None:
        """Raises ``ValueError`` for a step that no life takes."""
        check_step(self.state, new_state)
        self.state = new_state

    def get_state(self) -> SubAgentLifecycle:
        return self.state

    async def reset_state(self) -> None:
        """As made: the bridge must be given again."""
        self.state = SubAgentLifecycle.PENDING
        self._legacy_bridge, self._legacy_run_id, self._legacy_metered = None, None, (None, 0)

    async def shutdown(self) -> None:
        self.state = SubAgentLifecycle.SHUTDOWN

    async def cleanup(self) -> None:
        """Lets go of the bridge and the user's emitter."""
        self._legacy_bridge = self._legacy_run_id = self._websocket_emitter = None

    def get_health_status(self) -> JsonDict:
        return {
            "agent_name": self.name,
            "state": self.state.value,
            "websocket_available": self.has_websocket_context(),
            "uses_unified_reliability": self.enable_reliability,
            "circuit_breaker": self.get_circuit_breaker_status(),
            "overall_status": "healthy",
            "status": "healthy",
        }

    def get_circuit_breaker_status(self) -> JsonDict:
        """There is none: the emitter waits, spools and says what it could not store."""
        return {"state": "closed", "status": "not_available", "failure_count": 0}

    # Tokens -----------------------------------------------------------------------------------------------------------

    def track_llm_usage(
        self,
        context: UserExecutionContext,
        input_tokens: int,
        output_tokens: int,
        model: str,
        operation_type: str = "execution",
    ) -> UserExecutionContext:
        """A new context that remembers the call: go on with that one."""
        call = Usage(model, input_tokens, output_tokens)
        seen = usage.with_operation(context.metadata.get("token_usage"), self.name, call, operation_type)
        made: UserExecutionContext = usage.changed(context, token_usage=seen)
        return made

    def get_cost_optimization_suggestions(
        self, context: UserExecutionContext
    ) -> tuple[UserExecutionContext, list[JsonDict]]:
        found = usage.suggestions(context.metadata, self.name)
        return usage.changed(context, cost_optimization_suggestions=found), found

    def get_token_usage_summary(self, context: UserExecutionContext) -> JsonDict:
        return usage.summary(context.metadata)

    # What a context remembers -----------------------------------------------------------------------------------------

    def store_metadata_result(
        self, context: UserExecutionContext, key: str, value: Any, ensure_serializable: bool = True
    ) -> None:
        """Remembers a value in the context, which was lost there before."""
        kept = getattr(context, "agent_context", None)
        (context.metadata if kept is None else kept)[key] = plain({key: value})[key] if ensure_serializable else value

    def store_metadata_batch(
        self, context: UserExecutionContext, data: JsonDict, ensure_serializable: bool = True
    ) -> None:
        for key, value in data.items():
            self.store_metadata_result(context, key, value, ensure_serializable)

    def get_metadata_value(self, context: UserExecutionContext, key: str, default: Any = None) -> Any:
        return context.metadata.get(key, default)


def warn(text: str) -> None:
    warnings.warn(text, DeprecationWarning, stacklevel=3)
