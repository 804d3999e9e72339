"""The events, one class each."""

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class Event:
    type: ClassVar[str]

    def payload(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class AgentStarted(Event):
    type = "agent_started"
    message: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AgentThinking(Event):
    type = "agent_thinking"
    thought: str = ""
    step_number: int | None = None


@dataclass(frozen=True)
class ToolExecuting(Event):
    type = "tool_executing"
    tool_name: str = ""
    parameters: Any = None


@dataclass(frozen=True)
class ToolCompleted(Event):
    type = "tool_completed"
    tool_name: str = ""
    result: Any = None


@dataclass(frozen=True)
class AgentCompleted(Event):
    type = "agent_completed"
    result: Any = None
    execution_time_ms: float | None = None
