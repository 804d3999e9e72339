"""``UnifiedWebSocketEmitter``: the rows, and who makes one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar
from uuid import uuid4

from emitter.adapters.call import Told, answers
from emitter.adapters.payloads import without_nulls
from emitter.adapters.unified_emitter.state import EmitterState
from emitter.context import RunContext
from emitter.errors import EventRefused
from emitter.events import CRITICAL, FINAL

JsonDict = dict[str, Any]


class NoDictionary(EventRefused, TypeError):
    """The data of an event is no dictionary; the old emitter raised ``TypeError``."""

    def __init__(self, data: object) -> None:
        super().__init__("payload_not_object", f"The data is a {type(data).__name__}; give a dictionary.")


#: None, whatever happens; and None, or the exception of what happened.
quiet = answers(None, None)
quiet_about_data = answers(None, None, raises=(NoDictionary,))
loud = answers(None, None, raises=(Exception,))


class UnifiedWebSocketEmitter(EmitterState):
    """Events for one user. ``manager`` is taken and not used: what carries events is the emitter's business.

    Without a context each emitter stands for a run of its own, and for another one when that has ended.
    """

    CRITICAL_EVENTS: ClassVar[list[str]] = list(CRITICAL)
    AUTHENTICATION_CRITICAL_EVENTS: ClassVar[list[str]] = [
        "auth_started",
        "auth_validating",
        "auth_completed",
        "auth_failed",
    ]
    MAX_RETRIES = 3
    MAX_CRITICAL_RETRIES = 5
    RETRY_BASE_DELAY = 0.1
    RETRY_MAX_DELAY = 2.0

    # The rows ---------------------------------------------------------------------------------------------------------

    @quiet_about_data
    def emit_agent_started(self, data: JsonDict) -> Told:
        return self._critical("agent_started", data)

    @quiet_about_data
    def emit_agent_thinking(self, data: JsonDict) -> Told:
        return self._critical("agent_thinking", data)

    @quiet_about_data
    def emit_tool_executing(self, data: JsonDict) -> Told:
        return self._critical("tool_executing", data)

    @quiet_about_data
    def emit_tool_completed(self, data: JsonDict) -> Told:
        return self._critical("tool_completed", data)

    @quiet_about_data
    def emit_agent_completed(self, data: JsonDict) -> Told:
        return self._critical("agent_completed", data)

    async def emit(self, event_type: str, data: JsonDict) -> None:
        """The critical five by their own method, everything else by :meth:`notify_custom`."""
        if event_type in CRITICAL:
            await getattr(self, f"emit_{event_type}")(data)
        else:
            await self.notify_custom(event_type, data)

    @quiet
    def notify_agent_started(
        self, agent_name: str, metadata: JsonDict | None = None, context: JsonDict | None = None
    ) -> Told:
        merged = {**(metadata or {}), **(context or {})}
        return self._critical("agent_started", {"agent_name": agent_name, "metadata": merged, "status": "started"})

    @quiet
    def notify_agent_thinking(
        self,
        agent_name: str | None = None,
        reasoning: str | None = None,
        thought: str | None = None,
        step_number: int | None = None,
        metadata: JsonDict | None = None,
    ) -> Told:
        thought = reasoning or thought or "The agent is thinking."
        return self._critical(
            "agent_thinking",
            {"agent_name": agent_name, "thought": thought, "step_number": step_number, "metadata": metadata or {}},
        )

    @quiet
    def notify_tool_executing(self, tool_name: str, metadata: JsonDict | None = None) -> Told:
        return self._critical(
            "tool_executing", {"tool_name": tool_name, "metadata": metadata or {}, "status": "executing"}
        )

    @quiet
    def notify_tool_completed(self, tool_name: str, metadata: JsonDict | None = None) -> Told:
        return self._critical(
            "tool_completed", {"tool_name": tool_name, "metadata": metadata or {}, "status": "completed"}
        )

    @quiet
    def notify_agent_completed(
        self,
        agent_name: str,
        metadata: JsonDict | None = None,
        result: JsonDict | None = None,
        execution_time_ms: float | None = None,
    ) -> Told:
        ending = {"result": result, "execution_time_ms": execution_time_ms, "metadata": metadata or {}}
        return self._critical("agent_completed", {"agent_name": agent_name, "status": "completed", **ending})

    @loud
    def notify_agent_error(self, /, error: str, **kwargs: Any) -> Told:
        return Told("agent_error", {"error_message": error, "status": "error", **kwargs})

    @loud
    def notify_progress_update(self, /, progress: float, message: str = "", **kwargs: Any) -> Told:
        return Told("progress_update", {"progress": progress, "message": message, **kwargs})

    @loud
    def notify_custom(self, event_type: str, data: JsonDict) -> Told:
        return Told(event_type, data)

    # Whose it is --------------------------------------------------------------------------------

    def _critical(self, event_type: str, data: JsonDict) -> Told:
        if not isinstance(data, Mapping):
            raise NoDictionary(data)
        request_id = getattr(self.context, "request_id", None)
        name = data.get("agent_name") or data.get("agent")
        return Told(
            event_type,
            without_nulls({**data, "request_id": request_id}),
            agent_name=name if isinstance(name, str) else None,
        )

    async def _legacy_context(self, told: Told) -> RunContext:
        told_of = told.payload.get if self.context is None else partial(getattr, self.context)
        return RunContext(
            user_id=str(self.user_id),
            thread_id=told_of("thread_id", None),
            run_id=told_of("run_id", None) or self._loose_run(told.type),
            agent_name=told.agent,
            source=self.adapter,
        )

    def _loose_run(self, event_type: str) -> str:
        """A run for an emitter that was told of none; what comes after its end begins another."""
        run = self._own_run or f"run-{uuid4()}"
        self._own_run = "" if event_type in FINAL else run
        return run

    # Making one -------------------------------------------------------------------------------------------------------

    @classmethod
    def create_user_emitter(cls, manager: Any, user_context: Any) -> UnifiedWebSocketEmitter:
        """Raises ``ValueError`` without a context that names a user."""
        return cls(manager, user_of(user_context), user_context)

    create_for_user = create_user_emitter

    @classmethod
    def for_user(cls, manager: Any, user_id: str, context: Any = None) -> UnifiedWebSocketEmitter:
        """Raises ``ValueError`` without a user."""
        if not user_id:
            raise ValueError("There is no user id: give the one for whom the events are.")
        return cls(manager, user_id, context)

    @classmethod
    def create_auth_emitter(
        cls,
        manager: Any,
        user_context: Any = None,
        user_id: str | None = None,
        thread_id: str | None = None,
        connection_id: str | None = None,
    ) -> UnifiedWebSocketEmitter:
        """Raises ``ValueError`` without context and user."""
        return cls.for_user(manager, user_id or user_of(user_context), user_context)


def user_of(context: Any) -> str:
    """The user of an old context. Raises ``ValueError``."""
    user = getattr(context, "user_id", None)
    if not user:
        raise ValueError("There is no context that names a user: give a UserExecutionContext.")
    return str(user)
