"""The older context of one execution."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class ExecutionContext:
    """What one execution of an agent is called with."""

    run_id: str
    agent_name: str = "agent"
    user_id: str | None = None
    thread_id: str | None = None
    request_id: str | None = None
    message: str = ""
    stream_updates: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)
