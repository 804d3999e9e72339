"""Checks events before they are sent. Knows all types and emits none."""

from typing import Any

REQUIRED = {
    "agent_started": {"run_id", "agent_name"},
    "agent_thinking": {"run_id", "agent_name"},
    "tool_executing": {"run_id", "agent_name", "payload"},
    "tool_completed": {"run_id", "agent_name", "payload"},
    "agent_completed": {"run_id", "agent_name"},
}


class WebSocketEventValidator:
    def validate_event(self, event: dict[str, Any]) -> list[str]:
        missing = REQUIRED.get(event.get("type", ""), set()) - set(event)
        if event.get("type") == "agent_completed" and "result" not in event.get("payload", {}):
            missing.add("result")
        return sorted(missing)
