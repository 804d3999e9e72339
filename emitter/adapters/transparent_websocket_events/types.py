"""The types of the old transparent emitter."""

from __future__ import annotations

from enum import Enum


class WebSocketEventType(Enum):
    """The types of this face."""

    SERVICE_INITIALIZING = "service_initializing"
    SERVICE_READY = "service_ready"
    SERVICE_DEGRADED = "service_degraded"
    SERVICE_UNAVAILABLE = "service_unavailable"
    SERVICE_RECOVERED = "service_recovered"
    SYSTEM_STATUS = "system_status"
    USER_QUEUE_POSITION = "user_queue_position"
    ESTIMATED_WAIT_TIME = "estimated_wait_time"
    AGENT_STARTED = "agent_started"
    AGENT_THINKING = "agent_thinking"
    TOOL_EXECUTING = "tool_executing"
    TOOL_COMPLETED = "tool_completed"
    AGENT_COMPLETED = "agent_completed"
