"""``BaseAgent``, to be inherited from: the rows that it has of its own, and its work."""

from __future__ import annotations

from typing import Any, Self

from emitter.adapters.base_agent import usage
from emitter.adapters.base_agent.events import auxiliary, critical
from emitter.adapters.base_agent.state import AgentState, warn
from emitter.adapters.call import Told
from emitter.adapters.context import ExecutionContext, UserExecutionContext, validate_user_context

JsonDict = dict[str, Any]


class BaseAgent(AgentState):
    """An agent that tells of its run. A subclass brings ``_execute_with_user_context(context, stream_updates)``."""

    # The rows that an agent has of its own ----------------------------------------------------------------------------

    @critical
    def emit_thinking(
        self, thought: str, step_number: int | None = None, context: UserExecutionContext | None = None
    ) -> Told | None:
        cost = usage.suffix(usage.memory(context))
        return self._legacy_tell("notify_agent_thinking", f"{thought}{cost}", step_number)

    @critical
    def emit_agent_completed(
        self, result: JsonDict | None = None, context: UserExecutionContext | None = None
    ) -> Told | None:
        known = usage.memory(context)
        more = usage.analysis(known)
        told = self._legacy_tell("notify_agent_completed", {**(result or {}), **more} if more else result)
        return told and told._replace(payload={**told.payload, **usage.metered(self._legacy_unmetered(known))})

    @auxiliary
    def send_legacy_update(self, run_id: str, status: str, message: str, result: JsonDict | None = None) -> Told | None:
        return self._legacy_update(run_id, status, message, result)

    @auxiliary
    def send_processing_update(self, run_id: str, message: str = "") -> Told | None:
        return self._legacy_update(run_id, "processing", message, None)

    @auxiliary
    def send_completion_update(
        self, run_id: str, result: JsonDict | None = None, fallback: bool = False
    ) -> Told | None:
        return self._legacy_update(run_id, "completed_with_fallback" if fallback else "completed", "", result)

    def _legacy_update(self, run_id: str, status: str, message: str, result: JsonDict | None) -> Told | None:
        """An update says its status; what it becomes follows from that."""
        if status == "processing":
            return self._legacy_row("notify_agent_thinking", run_id, message)
        if status in ("completed", "completed_with_fallback"):
            told = self._legacy_row("notify_agent_completed", run_id, result)
            fallback = status != "completed"
            return told and told._replace(payload={**told.payload, **({"fallback": True} if fallback else {})})
        if status in ("failed", "error"):
            return self._legacy_row("notify_agent_error", run_id, message)
        told = self._legacy_row("notify_progress_update", run_id, {"status": status, "message": message})
        return told and told._replace(payload={**told.payload, **({"result": result} if result else {})})

    def _legacy_unmetered(self, metadata: JsonDict) -> list[JsonDict]:
        """This agent's model calls that no completion of this run has told yet, so that none is counted twice."""
        own = [one for one in usage.operations(metadata) if one.get("agent") == self.name]
        run, told = self._legacy_metered
        self._legacy_metered = (self._legacy_run_id, len(own))
        return own[told:] if run == self._legacy_run_id else own

    async def send_status_update(self, context: ExecutionContext, status: str, message: str) -> None:
        """A status of an execution, by one of the events above."""
        if status == "executing":
            await self.emit_thinking(message)
        elif status == "failed":
            await self.emit_error(message)
        else:
            await self.emit_progress(message, is_complete=status == "completed")

    # Working ----------------------------------------------------------------------------------------------------------

    async def execute(self, context: UserExecutionContext, stream_updates: bool = False) -> Any:
        """The subclass's work. Raises ``TypeError`` for a wrong context, ``NotImplementedError`` without a subclass."""
        work = getattr(self, "_execute_with_user_context", None)
        if work is None:
            raise NotImplementedError(f"{type(self).__name__} has no _execute_with_user_context.")
        return await work(validate_user_context(context), stream_updates)

    async def execute_with_context(self, context: UserExecutionContext, stream_updates: bool = False) -> Any:
        """The work, told from its beginning to its end. What it raises is told and raised."""
        await self.emit_agent_started(f"{self.name} begins.")
        try:
            result = await self.execute(context, stream_updates)
        except Exception as error:
            await self.emit_error(str(error), type(error).__name__)
            raise
        await self.emit_agent_completed({"status": "success", "result_type": type(result).__name__}, context)
        return result

    async def execute_core_logic(self, context: ExecutionContext) -> JsonDict:
        """Most subclasses bring their own."""
        await self.emit_thinking(f"{self.name} is at work.")
        return {"status": "completed", "message": f"{self.name} is done."}

    # Making one -------------------------------------------------------------------------------------------------------

    @classmethod
    def create_with_context(cls, context: UserExecutionContext, agent_config: JsonDict | None = None) -> Self:
        """An agent for a context; ``agent_config`` sets attributes that it has."""
        agent = cls()
        agent.set_user_context(context)
        for key, value in (agent_config or {}).items():
            if hasattr(agent, key):
                setattr(agent, key, value)
        return agent

    @classmethod
    def create_agent_with_context(cls, context: UserExecutionContext) -> Self:
        return cls(
            name=cls.__name__,
            description=f"{cls.__name__} for one request",
            enable_reliability=True,
            enable_execution_engine=True,
            enable_caching=False,
            user_context=validate_user_context(context),
        )

    @classmethod
    def create_legacy_with_warnings(
        cls, llm_manager: Any = None, tool_dispatcher: Any = None, redis_manager: Any = None, **kwargs: Any
    ) -> Self:
        """An agent without a context, and a ``DeprecationWarning`` each time."""
        warn("create_legacy_with_warnings: use create_agent_with_context.")
        return cls(llm_manager=llm_manager, tool_dispatcher=tool_dispatcher, redis_manager=redis_manager, **kwargs)
