"""What the old emitters put on the wire, method by method, and senders that do it.

Each class is one old emitter: a method with the old signature returns the frame that it sent, ``None`` for none.
"""

import copy
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

from emitter.adapters.agent_websocket_bridge import AgentWebSocketBridge
from emitter.migration import sent

SECRETS = ("password", "secret", "key", "token", "auth", "credential")
PROGRESS = ("percentage", "current_step", "total_steps", "message", "status", "estimated_remaining", "progress_type")


def now() -> str:
    return datetime.now(UTC).isoformat()


def redacted(value: Any) -> Any:
    """As the bridge did with parameters: by parts of keys, and texts of 200 characters."""
    made = {}
    for key, one in value.items():
        secret = any(part in str(key).lower() for part in SECRETS)
        made[key] = "[REDACTED]" if secret else redacted(one) if isinstance(one, dict) else cut(one, 200)
    return made


def cut(value: Any, text: int, items: int | None = None) -> Any:
    if isinstance(value, dict):
        return {key: cut(one, text, items) for key, one in value.items()}
    if isinstance(value, str) and len(value) > text:
        return value[:text] + "..."
    if items is not None and isinstance(value, list) and len(value) > items:
        return [*value[:items], "...(truncated)"]
    return value


class OldUnified:
    """Through the manager's ``emit_critical_event``, to a user."""

    def __init__(self, face: Any) -> None:
        self.user, self.context = str(face.user_id), face.context

    def _manager(self, event_type: str, data: dict[str, Any]) -> dict[str, Any]:
        at = datetime.now(UTC).replace(tzinfo=None).isoformat()
        return {"type": event_type, "data": data, "timestamp": at, "critical": True, "attempt": None}

    def _critical(self, event_type: str, data: dict[str, Any]) -> dict[str, Any]:
        ids = {name: getattr(self.context, name, None) for name in ("run_id", "thread_id", "request_id")}
        return self._manager(event_type, {key: one for key, one in {**data, **ids}.items() if one is not None})

    def emit_agent_started(self, data) -> Any:
        return self._critical("agent_started", data)

    def emit_agent_thinking(self, data) -> Any:
        return self._critical("agent_thinking", data)

    def emit_tool_executing(self, data) -> Any:
        return self._critical("tool_executing", data)

    def emit_tool_completed(self, data) -> Any:
        return self._critical("tool_completed", data)

    def emit_agent_completed(self, data) -> Any:
        return self._critical("agent_completed", data)

    def notify_agent_started(self, agent_name, metadata=None, context=None) -> Any:
        merged = {**(metadata or {}), **(context or {})}
        data = {"agent_name": agent_name, "metadata": merged, "status": "started", "timestamp": time.time()}
        return self._critical("agent_started", data)

    def notify_agent_thinking(
        self, agent_name=None, reasoning=None, thought=None, step_number=None, metadata=None
    ) -> Any:
        metadata = {} if metadata is None else metadata
        metadata |= {"step_number": step_number} if step_number is not None else {}
        metadata |= {"agent_name": agent_name} if agent_name else {}
        data = {"thought": reasoning or thought, "metadata": metadata, "type": "reasoning", "timestamp": time.time()}
        return self._critical("agent_thinking", data)

    def notify_tool_executing(self, tool_name, metadata=None) -> Any:
        data = {"tool": tool_name, "metadata": metadata or {}, "status": "executing", "timestamp": time.time()}
        return self._critical("tool_executing", data)

    def notify_tool_completed(self, tool_name, metadata=None) -> Any:
        data = {"tool": tool_name, "metadata": metadata or {}, "status": "completed", "timestamp": time.time()}
        return self._critical("tool_completed", data)

    def notify_agent_completed(self, agent_name, metadata=None, result=None, execution_time_ms=None) -> Any:
        merged = {**(metadata or {}), **(result or {})}
        merged |= {"execution_time_ms": execution_time_ms} if execution_time_ms is not None else {}
        data = {"agent_name": agent_name, "metadata": merged, "status": "completed", "timestamp": time.time()}
        return self._critical("agent_completed", data)

    def notify_agent_error(self, error, **kwargs) -> Any:
        return self._manager("agent_error", {"error": error, "status": "error", **kwargs})

    def notify_progress_update(self, progress, message="", **kwargs) -> Any:
        return self._manager("progress_update", {"progress": progress, "message": message, **kwargs})

    def notify_custom(self, event_type, data) -> Any:
        ids = {name: getattr(self.context, name) for name in ("run_id", "thread_id")} if self.context else {}
        return self._manager(event_type, {**data, **ids})

    emit_auth_event = notify_custom


class OldBridge:
    """Through ``send_to_thread``: it knew no user."""

    user = None

    def __init__(self, face: Any = None) -> None:
        pass

    def _frame(self, event_type, run_id, agent_name, payload, trace=None) -> Any:
        frame = {"type": event_type, "run_id": run_id, "agent_name": agent_name, "timestamp": now(), "payload": payload}
        return {**frame, **({"trace": trace} if trace else {})}

    def notify_agent_started(self, run_id, agent_name, context=None, trace_context=None) -> Any:
        payload = {"status": "started", "context": context or {}, "message": f"Agent {agent_name} is on it!"}
        return self._frame("agent_started", run_id, agent_name, payload, trace_context)

    def notify_agent_thinking(
        self, run_id, agent_name, reasoning, step_number=None, progress_percentage=None, trace_context=None
    ) -> Any:
        payload = {"reasoning": reasoning, "step_number": step_number, "progress_percentage": progress_percentage}
        return self._frame("agent_thinking", run_id, agent_name, {**payload, "status": "thinking"}, trace_context)

    def notify_tool_executing(self, run_id, agent_name, tool_name, parameters=None) -> Any:
        payload = {"tool_name": tool_name, "parameters": redacted(parameters or {}), "status": "executing"}
        return self._frame("tool_executing", run_id, agent_name, {**payload, "message": f"{agent_name}: {tool_name}"})

    def notify_tool_completed(self, run_id, agent_name, tool_name, result=None, execution_time_ms=None) -> Any:
        payload = {
            "tool_name": tool_name,
            "result": cut(result or {}, 500, 10),
            "execution_time_ms": execution_time_ms,
            "status": "completed",
            "message": f"{agent_name}: done with {tool_name}",
        }
        return self._frame("tool_completed", run_id, agent_name, payload)

    def notify_agent_completed(
        self, run_id, agent_name, result=None, execution_time_ms=None, trace_context=None
    ) -> Any:
        payload = {
            "status": "completed",
            "result": cut(result or {}, 500, 10),
            "execution_time_ms": execution_time_ms,
            "message": f"{agent_name} has finished its work",
        }
        return self._frame("agent_completed", run_id, agent_name, payload, trace_context)

    def notify_agent_error(self, run_id, agent_name, error, error_context=None, trace_context=None) -> Any:
        hidden = error.replace("/Users/", "[PATH]/").replace("/home/", "[PATH]/")
        kept = error_context and {name: error_context.get(name, "unknown") for name in ("error_type", "agent_step")}
        payload = {
            "status": "error",
            "error_message": cut(hidden, 300),
            "error_context": {**kept, "user_facing": True} if kept else {},
            "message": f"{agent_name} met a problem",
        }
        return self._frame("agent_error", run_id, agent_name, payload, trace_context)

    def notify_agent_death(self, run_id, agent_name, death_cause, death_context=None) -> Any:
        payload = {
            "status": "dead",
            "death_cause": death_cause,
            "death_context": death_context or {},
            "message": f"{agent_name} is no more",
            "recovery_action": "refresh_required",
        }
        return self._frame("agent_death", run_id, agent_name, payload)

    def notify_progress_update(self, run_id, agent_name, progress) -> Any:
        kept = {key: value for key, value in progress.items() if key in PROGRESS}
        payload = {"status": "progress", "progress_data": kept, "message": progress.get("message", f"{agent_name} …")}
        return self._frame("progress_update", run_id, agent_name, payload)

    def notify_custom(self, run_id, agent_name, notification_type, data) -> Any:
        return self._frame(notification_type, run_id, agent_name, cut(data, 1000))

    def emit_agent_event(self, event_type, data, run_id=None, agent_name=None) -> Any:
        frame = {"type": event_type, "run_id": run_id, "timestamp": now(), **data}
        return {**frame, **({"agent_name": agent_name} if agent_name else {})}

    def emit_event(self, context, event_type, event_data) -> Any:
        ids = {"thread_id": context.thread_id, "user_id": context.user_id, "message_id": f"msg_{time.time()}"}
        return {"type": event_type, "data": event_data, "timestamp": now(), **ids}


class OldAgent:
    """Told its bridge, with its run and its name."""

    user = None

    def __init__(self, face: Any) -> None:
        self.bridge, self.run, self.name = OldBridge(), face._legacy_run_id, face._legacy_name()

    def emit_agent_started(self, message=None) -> Any:
        return self.bridge.notify_agent_started(self.run, self.name, {"message": message} if message else {})

    def emit_thinking(self, thought, step_number=None, context=None) -> Any:
        return self.bridge.notify_agent_thinking(self.run, self.name, thought, step_number)

    def emit_tool_executing(self, tool_name, parameters=None) -> Any:
        return self.bridge.notify_tool_executing(self.run, self.name, tool_name, parameters)

    emit_tool_started = emit_tool_executing

    def emit_tool_completed(self, tool_name, result=None) -> Any:
        return self.bridge.notify_tool_completed(self.run, self.name, tool_name, result)

    def emit_agent_completed(self, result=None, context=None) -> Any:
        return self.bridge.notify_agent_completed(self.run, self.name, result)

    def emit_progress(self, content, is_complete=False) -> Any:
        told = {"content": content, "is_complete": is_complete}
        return self.bridge.notify_progress_update(self.run, self.name, told)

    def emit_error(self, error_message, error_type=None, error_details=None) -> Any:
        context = {"error_type": error_type or "general"} if error_type or error_details else None
        return self.bridge.notify_agent_error(self.run, self.name, error_message, context)

    def emit_subagent_started(self, subagent_name, subagent_id=None) -> Any:
        names = {"subagent_name": subagent_name, "subagent_id": subagent_id}
        return self.bridge.notify_custom(self.run, self.name, "subagent_started", names)

    def emit_subagent_completed(self, subagent_name, subagent_id=None, result=None, duration_ms=0) -> Any:
        names = {"subagent_name": subagent_name, "subagent_id": subagent_id}
        data = {**names, "result": result, "duration_ms": duration_ms}
        return self.bridge.notify_custom(self.run, self.name, "subagent_completed", data)

    def send_legacy_update(self, run_id, status, message, result=None) -> Any:
        """Ended in a swallowed error."""

    def send_processing_update(self, run_id, message="") -> Any:
        """Ended in a swallowed error."""

    def send_completion_update(self, run_id, result=None, fallback=False) -> Any:
        """Ended in a swallowed error."""


class OldTransparent:
    """Through the context's manager, to its user, flat."""

    started: WeakKeyDictionary[Any, Counter[str]] = WeakKeyDictionary()

    def __init__(self, face: Any) -> None:
        self.user, self.request, self.face = str(face.user_id), face.request_id, face
        self.enterprise = getattr(face.context, "user_tier", "free") == "enterprise"

    def _flat(self, event_type, fields, **metadata) -> Any:
        tier = "enterprise" if self.enterprise else "free"
        ids = {"timestamp": now(), "user_id": self.user, "request_id": self.request}
        return {"type": event_type, **fields, **ids, "metadata": {"user_tier": tier, **metadata}}

    def emit_service_initializing(self, service_name, initialization_steps=None, estimated_time_seconds=None) -> Any:
        attempts = self.started.setdefault(self.face, Counter())
        attempts[service_name] += 1
        fields = {"service_name": service_name, "message": "Wait…", "steps": initialization_steps or []}
        return self._flat(
            "service_initializing",
            {**fields, "estimated_time_seconds": estimated_time_seconds},
            initialization_attempt=attempts[service_name],
        )

    def emit_service_ready(self, service_name, initialization_time_ms=None, service_metadata=None) -> Any:
        fields = {"service_name": service_name, "message": "Go!", "initialization_time_ms": initialization_time_ms}
        return self._flat("service_ready", fields, service_metadata=service_metadata or {}, status="fully_operational")

    def emit_service_degraded(self, service_name, reason, fallback_options=None, performance_impact=None) -> Any:
        fields = {"service_name": service_name, "message": "Hm.", "reason": reason}
        fields |= {"fallback_options": fallback_options or [], "performance_impact": performance_impact or "Slower."}
        return self._flat("service_degraded", fields, status="degraded_operational", can_continue_processing=True)

    def emit_service_unavailable(
        self, service_name, reason, estimated_recovery_seconds=None, alternatives=None, is_critical=False
    ) -> Any:
        more = ["Open a priority support ticket", "Call your account manager"] if self.enterprise else []
        fields = {
            "service_name": service_name,
            "message": "Oh no.",
            "reason": reason,
            "estimated_recovery_seconds": estimated_recovery_seconds,
            "alternatives": [*(alternatives or []), *more],
            "is_critical": is_critical,
            "enterprise_message": "We are on it." if self.enterprise else None,
        }
        return self._flat(
            "service_unavailable",
            fields,
            status="unavailable",
            can_continue_processing=not is_critical,
            retry_recommended=True,
        )

    def emit_service_recovered(self, service_name, recovery_time_ms=None) -> Any:
        fields = {"service_name": service_name, "message": "Back.", "recovery_time_ms": recovery_time_ms}
        return self._flat("service_recovered", fields, status="fully_operational")

    def emit_system_status(self, overall_status, service_statuses, can_process_requests, degraded_services=None) -> Any:
        fields = {"overall_status": overall_status, "service_statuses": service_statuses}
        fields |= {"can_process_requests": can_process_requests, "degraded_services": degraded_services or []}
        healthy = list(service_statuses.values()).count("ready")
        return self._flat("system_status", fields, total_services=len(service_statuses), healthy_services=healthy)

    def emit_user_queue_position(self, position, estimated_wait_time_seconds=None, queue_type="standard") -> Any:
        fields = {
            "position": position,
            "queue_type": "priority" if self.enterprise else queue_type,
            "message": f"There are {position - 1} before you.",
            "estimated_wait_time_seconds": estimated_wait_time_seconds,
        }
        return self._flat("user_queue_position", fields, is_priority_queue=self.enterprise)

    def emit_agent_started(self, agent_name, agent_description=None) -> Any:
        return self._flat("agent_started", {"agent_name": agent_name, "agent_description": agent_description})

    def emit_agent_thinking(self, thought, step_number=None) -> Any:
        return self._flat("agent_thinking", {"thought": thought, "step_number": step_number})

    def emit_tool_executing(self, tool_name, tool_description=None) -> Any:
        return self._flat("tool_executing", {"tool_name": tool_name, "tool_description": tool_description})

    def emit_tool_completed(self, tool_name, result) -> Any:
        return self._flat("tool_completed", {"tool_name": tool_name, "result": result})

    def emit_agent_completed(self, result, execution_time_ms=None) -> Any:
        return self._flat("agent_completed", {"result": result, "execution_time_ms": execution_time_ms})


OLD: dict[str, Any] = {
    "unified_emitter": OldUnified,
    "agent_websocket_bridge": OldBridge,
    "base_agent": OldAgent,
    "transparent_websocket_events": OldTransparent,
}


async def faithful(method: str, args: tuple[Any, ...], kwargs: dict[str, Any], face: Any) -> Any:
    """Sends what the old emitter sent, and answers what it answered."""
    old = OLD[face.adapter](face)
    frame = getattr(old, method)(*args, **kwargs)
    if frame is not None:
        sent(old.user, copy.deepcopy(frame))
    return True if method == "emit_auth_event" or isinstance(face, AgentWebSocketBridge) else None


async def unfaithful(method: str, args: tuple[Any, ...], kwargs: dict[str, Any], face: Any) -> Any:
    """The same, but for one field that is another."""
    old = OLD[face.adapter](face)
    frame = getattr(old, method)(*args, **kwargs)
    for fields in (frame.get("payload"), frame.get("data"), frame):
        if isinstance(fields, Mapping):
            fields["colour"] = "red"  # type: ignore[index]
            break
    sent(old.user, frame)
    return True if isinstance(face, AgentWebSocketBridge) else None


SENDERS = dict.fromkeys(OLD, "tests.migration.old_wire.faithful")
