"""``TransparentWebSocketEmitter``: the rows, flat and with the user's tier. What was not given is told as null."""

from __future__ import annotations

from collections import Counter, deque
from datetime import UTC, datetime
from typing import Any

from emitter.adapters.call import Face, Told, answers
from emitter.context import RunContext
from emitter.policy.tiers import atier_of

JsonDict = dict[str, Any]

#: Events that an emitter remembers; the oldest make room.
MOST = 1_000

quiet = answers(None, None)


class TransparentWebSocketEmitter(Face):
    """Tells one user. The tier is the policy's, whatever the context says."""

    adapter = "transparent_websocket_events"

    def __init__(self, context: Any) -> None:
        super().__init__()
        self.context = context
        self.user_id = context.user_id
        self.request_id = context.request_id
        self.events_sent: deque[JsonDict] = deque(maxlen=MOST)
        self._tier = ""
        self._counts: Counter[str] = Counter()
        self._attempts: Counter[str] = Counter()

    # Services ---------------------------------------------------------------------------------------------------------

    @quiet
    def emit_service_initializing(
        self,
        service_name: str,
        initialization_steps: list[str] | None = None,
        estimated_time_seconds: int | None = None,
    ) -> Told:
        self._attempts[service_name] += 1
        return self._flat(
            "service_initializing",
            {
                "service_name": service_name,
                "message": f"{service_name} starts.",
                "steps": initialization_steps or [],
                "estimated_time_seconds": estimated_time_seconds,
            },
            initialization_attempt=self._attempts[service_name],
        )

    @quiet
    def emit_service_ready(
        self,
        service_name: str,
        initialization_time_ms: float | None = None,
        service_metadata: JsonDict | None = None,
    ) -> Told:
        return self._flat(
            "service_ready",
            {
                "service_name": service_name,
                "message": f"{service_name} is ready.",
                "initialization_time_ms": initialization_time_ms,
            },
            service_metadata=service_metadata or {},
            status="fully_operational",
        )

    @quiet
    def emit_service_degraded(
        self,
        service_name: str,
        reason: str,
        fallback_options: list[str] | None = None,
        performance_impact: str | None = None,
    ) -> Told:
        return self._flat(
            "service_degraded",
            {
                "service_name": service_name,
                "message": f"{service_name} works, but not well: {reason}",
                "reason": reason,
                "fallback_options": fallback_options or [],
                "performance_impact": performance_impact or "Answers may take longer.",
            },
            status="degraded_operational",
            can_continue_processing=True,
        )

    @quiet
    def emit_service_unavailable(
        self,
        service_name: str,
        reason: str,
        estimated_recovery_seconds: int | None = None,
        alternatives: list[str] | None = None,
        is_critical: bool = False,
    ) -> Told:
        enterprise = self._tier == "enterprise"
        more = ["Open a priority support ticket", "Call your account manager"] if enterprise else []
        notice = "You have priority support: write to it if this is urgent." if enterprise else None
        return self._flat(
            "service_unavailable",
            {
                "service_name": service_name,
                "message": f"{service_name} cannot be used: {reason}",
                "reason": reason,
                "estimated_recovery_seconds": estimated_recovery_seconds,
                "alternatives": [*(alternatives or []), *more],
                "is_critical": is_critical,
                "enterprise_message": notice,
            },
            status="unavailable",
            can_continue_processing=not is_critical,
            retry_recommended=True,
        )

    @quiet
    def emit_service_recovered(self, service_name: str, recovery_time_ms: float | None = None) -> Told:
        return self._flat(
            "service_recovered",
            {
                "service_name": service_name,
                "message": f"{service_name} is well again.",
                "recovery_time_ms": recovery_time_ms,
            },
            status="fully_operational",
        )

    @quiet
    def emit_system_status(
        self,
        overall_status: str,
        service_statuses: dict[str, str],
        can_process_requests: bool,
        degraded_services: list[str] | None = None,
    ) -> Told:
        return self._flat(
            "system_status",
            {
                "overall_status": overall_status,
                "service_statuses": service_statuses,
                "can_process_requests": can_process_requests,
                "degraded_services": degraded_services or [],
            },
            total_services=len(service_statuses),
            healthy_services=sum(status == "ready" for status in service_statuses.values()),
        )

    @quiet
    def emit_user_queue_position(
        self, position: int, estimated_wait_time_seconds: int | None = None, queue_type: str = "standard"
    ) -> Told:
        first = self._tier == "enterprise"
        return self._flat(
            "user_queue_position",
            {
                "position": position,
                "queue_type": "priority" if first else queue_type,
                "message": f"You are number {position} in the {'priority ' if first else ''}queue.",
                "estimated_wait_time_seconds": estimated_wait_time_seconds,
            },
            is_priority_queue=first,
        )

    # Agents -----------------------------------------------------------------------------------------------------------

    @quiet
    def emit_agent_started(self, agent_name: str, agent_description: str | None = None) -> Told:
        return self._flat("agent_started", {"agent_name": agent_name, "agent_description": agent_description})

    @quiet
    def emit_agent_thinking(self, thought: str, step_number: int | None = None) -> Told:
        return self._flat("agent_thinking", {"thought": thought, "step_number": step_number})

    @quiet
    def emit_tool_executing(self, tool_name: str, tool_description: str | None = None) -> Told:
        return self._flat("tool_executing", {"tool_name": tool_name, "tool_description": tool_description})

    @quiet
    def emit_tool_completed(self, tool_name: str, result: Any) -> Told:
        return self._flat("tool_completed", {"tool_name": tool_name, "result": result})

    @quiet
    def emit_agent_completed(self, result: Any, execution_time_ms: float | None = None) -> Told:
        return self._flat("agent_completed", {"result": result, "execution_time_ms": execution_time_ms})

    # Whose it is, and what was told -----------------------------------------------------------------------------------

    def _flat(self, event_type: str, fields: JsonDict, **metadata: Any) -> Told:
        tier = {"user_tier": self._tier}
        payload = {**fields, "request_id": self.request_id, "metadata": {**tier, **metadata}}
        self.events_sent.append({"type": event_type, **payload, "timestamp": datetime.now(UTC).isoformat()})
        self._counts[event_type] += 1
        name = fields.get("agent_name")
        return Told(event_type, payload, agent_name=name if isinstance(name, str) else None)

    async def _legacy_prepare(self) -> None:
        self._tier = (await atier_of(str(self.user_id))).name

    async def _legacy_context(self, told: Told) -> RunContext:
        return RunContext(
            user_id=str(self.user_id),
            thread_id=getattr(self.context, "thread_id", None),
            run_id=getattr(self.context, "run_id", None) or self.request_id,
            agent_name=told.agent,
            source=self.adapter,
        )

    def get_events_summary(self) -> JsonDict:
        """What was asked to be told, whether or not it was stored."""
        return {
            "total_events": self._counts.total(),
            "event_counts": dict(self._counts),
            "first_event_time": self.events_sent[0]["timestamp"] if self.events_sent else None,
            "last_event_time": self.events_sent[-1]["timestamp"] if self.events_sent else None,
        }


async def create_transparent_emitter(context: Any) -> TransparentWebSocketEmitter:
    """An emitter for a context."""
    return TransparentWebSocketEmitter(context)
