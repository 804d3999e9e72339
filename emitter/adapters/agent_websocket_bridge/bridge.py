"""``AgentWebSocketBridge``: the rows. Each answers True when the event was taken, False otherwise, and never raises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any
from uuid import uuid4

from emitter.adapters.agent_websocket_bridge import sentences
from emitter.adapters.agent_websocket_bridge.integration import Integration
from emitter.adapters.agent_websocket_bridge.orchestrator import DeliveryStats, RequestScopedOrchestrator
from emitter.adapters.agent_websocket_bridge.threads import extract_thread_id
from emitter.adapters.call import Told, answers
from emitter.adapters.context import UserContextFactory
from emitter.adapters.plain import shortened
from emitter.adapters.unified_emitter import UnifiedWebSocketEmitter, WebSocketEmitterFactory
from emitter.context import RunContext
from emitter.errors import EmitterError

JsonDict = dict[str, Any]

taken = answers(True, False)


class AgentWebSocketBridge(Integration):
    """Events of runs. Whose a run is says the context, or what was registered, or else the log."""

    def __init__(self, user_context: Any = None) -> None:
        super().__init__(user_context)
        self._delivered = DeliveryStats()

    # The rows ---------------------------------------------------------------------------------------------------------

    @taken
    def notify_agent_started(
        self, run_id: str, agent_name: str, context: JsonDict | None = None, trace_context: JsonDict | None = None
    ) -> Told:
        payload = {"status": "started", "context": context or {}, "message": f"{agent_name} has started."}
        return Told("agent_started", payload | _traced(trace_context), run_id, agent_name)

    @taken
    def notify_agent_thinking(
        self,
        run_id: str,
        agent_name: str,
        reasoning: str,
        step_number: int | None = None,
        progress_percentage: float | None = None,
        trace_context: JsonDict | None = None,
    ) -> Told:
        payload = {"thought": reasoning, "step_number": step_number, "progress_percentage": progress_percentage}
        return Told("agent_thinking", payload | {"status": "thinking"} | _traced(trace_context), run_id, agent_name)

    @taken
    def notify_tool_executing(
        self, run_id: str, agent_name: str, tool_name: str, parameters: JsonDict | None = None
    ) -> Told:
        return Told(
            "tool_executing",
            {
                "tool_name": tool_name,
                "parameters": shortened(parameters or {}, sentences.PARAMETER),
                "status": "executing",
                "message": f"{agent_name} is using {tool_name}.",
            },
            run_id,
            agent_name,
        )

    @taken
    def notify_tool_completed(
        self,
        run_id: str,
        agent_name: str,
        tool_name: str,
        result: JsonDict | None = None,
        execution_time_ms: float | None = None,
    ) -> Told:
        return Told(
            "tool_completed",
            {
                "tool_name": tool_name,
                "result": shortened(result or {}, sentences.RESULT, sentences.RESULT_ITEMS),
                "execution_time_ms": execution_time_ms,
                "status": "completed",
                "message": f"{agent_name} has used {tool_name}.",
            },
            run_id,
            agent_name,
        )

    @taken
    def notify_agent_completed(
        self,
        run_id: str,
        agent_name: str,
        result: JsonDict | None = None,
        execution_time_ms: float | None = None,
        trace_context: JsonDict | None = None,
    ) -> Told:
        payload = {
            "status": "completed",
            "result": shortened(result or {}, sentences.RESULT, sentences.RESULT_ITEMS),
            "execution_time_ms": execution_time_ms,
            "message": f"{agent_name} is done.",
        }
        return Told("agent_completed", payload | _traced(trace_context), run_id, agent_name)

    @taken
    def notify_agent_error(
        self,
        run_id: str,
        agent_name: str,
        error: str,
        error_context: JsonDict | None = None,
        trace_context: JsonDict | None = None,
    ) -> Told:
        kept = sentences.error_context(error_context)
        payload = {
            "status": "error",
            "error_message": sentences.error(error),
            "error_type": kept.get("error_type"),
            "error_context": kept,
            "message": f"{agent_name} could not go on.",
        }
        return Told("agent_error", payload | _traced(trace_context), run_id, agent_name)

    @taken
    def notify_agent_death(
        self, run_id: str, agent_name: str, death_cause: str, death_context: JsonDict | None = None
    ) -> Told:
        return Told(
            "agent_death",
            {
                "status": "dead",
                "death_cause": death_cause,
                "death_context": death_context or {},
                "message": sentences.death(agent_name, death_cause),
                "recovery_action": "refresh_required",
            },
            run_id,
            agent_name,
        )

    @taken
    def notify_progress_update(self, run_id: str, agent_name: str, progress: JsonDict) -> Told:
        kept = sentences.progress(progress)
        message = kept.get("message") or f"{agent_name} is working."
        return Told(
            "progress_update", {"status": "progress", "progress_data": kept, "message": message}, run_id, agent_name
        )

    @taken
    def notify_custom(self, run_id: str, agent_name: str, notification_type: str, data: JsonDict) -> Told:
        return Told(notification_type, shortened(sentences.mapping(data), sentences.CUSTOM), run_id, agent_name)

    @taken
    def emit_agent_event(
        self, event_type: str, data: JsonDict, run_id: str | None = None, agent_name: str | None = None
    ) -> Told:
        return Told(event_type, data, run_id, agent_name or sentences.mapping(data).get("agent_name"))

    @taken
    def emit_event(self, context: Any, event_type: str, event_data: JsonDict) -> Told:
        return Told(event_type, event_data, getattr(context, "run_id", None), context=context)

    # Whose it is, and what was counted --------------------------------------------------------------------------------

    async def _legacy_context(self, told: Told) -> RunContext:
        found = await self._whose(told.run_id, told.context)
        return replace(found, agent_name=told.agent, source=self.adapter)

    def _legacy_settled(self, event_type: str, error: EmitterError | None) -> None:
        self._delivered.count(event_type, success=error is None)

    def get_event_delivery_stats(self) -> JsonDict:
        return self._delivered.as_dict()

    def get_resolution_metrics(self) -> JsonDict:
        return self._resolver.metrics()

    def extract_thread_id(self, run_id: str) -> str:
        """The thread that a run's id names, the run's id itself as a last resort."""
        return extract_thread_id(run_id)

    async def register_run_thread_mapping(self, run_id: str, thread_id: str, metadata: JsonDict | None = None) -> bool:
        """Says in which thread a run is, and by ``metadata["user_id"]`` whose.

        False before :meth:`ensure_integration`.
        """
        if self._threads is None or not run_id or not thread_id:
            return False
        self._threads.put(run_id, thread_id, metadata)
        return True

    async def unregister_run_mapping(self, run_id: str) -> bool:
        return self._threads is not None and self._threads.runs.pop(run_id, None) is not None

    async def get_thread_registry_status(self) -> JsonDict | None:
        if self._threads is None:
            return None
        return {"active_mappings": len(self._threads.runs), "healthy": True}

    # Emitters for a user ----------------------------------------------------------------------------------------------

    async def create_user_emitter(self, user_context: Any) -> UnifiedWebSocketEmitter:
        """Raises ``ValueError`` without a context that names a user."""
        return WebSocketEmitterFactory.create_scoped_emitter(self.websocket_manager, user_context)

    @classmethod
    async def create_user_emitter_from_ids(
        cls, user_id: str, thread_id: str, run_id: str, websocket_connection_id: str | None = None
    ) -> UnifiedWebSocketEmitter:
        """Raises ``ValueError`` when an id is missing or stands for none."""
        try:
            context = UserContextFactory.create_context(
                user_id, thread_id, run_id, websocket_client_id=websocket_connection_id
            )
        except EmitterError as error:
            raise ValueError(f"There is no emitter for these ids: {error.detail}") from error
        return UnifiedWebSocketEmitter(None, user_id, context)

    @staticmethod
    def create_scoped_emitter(user_context: Any) -> ScopedEmitter:
        """``async with`` or ``async for`` an emitter that ends with the block."""
        return ScopedEmitter(user_context)

    async def create_execution_orchestrator(self, user_id: str, agent_type: str) -> RequestScopedOrchestrator:
        """A helper for one request of a user. Raises ``ValueError`` when it cannot be made."""
        unique = uuid4().hex
        emitter = await self.create_user_emitter_from_ids(user_id, f"thread_{unique}", f"run_{agent_type}_{unique}")
        return RequestScopedOrchestrator(emitter.context, emitter, self)


class ScopedEmitter(AbstractAsyncContextManager[UnifiedWebSocketEmitter]):
    """One emitter for one block."""

    def __init__(self, user_context: Any) -> None:
        self._emitter = WebSocketEmitterFactory.create_scoped_emitter(None, user_context)

    async def __aenter__(self) -> UnifiedWebSocketEmitter:
        return self._emitter

    async def __aexit__(self, *exception: object) -> None:
        await self._emitter.cleanup()

    async def __aiter__(self) -> AsyncIterator[UnifiedWebSocketEmitter]:
        yield self._emitter
        await self._emitter.cleanup()


def create_agent_websocket_bridge(user_context: Any = None) -> AgentWebSocketBridge:
    """A bridge, for one request when a context is given."""
    return AgentWebSocketBridge(user_context)


def _traced(trace_context: JsonDict | None) -> JsonDict:
    return {"trace": trace_context} if trace_context else {}
