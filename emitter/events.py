"""The vocabulary: five critical events, two other endings, and auxiliary types.

Events are frozen dataclasses, one per type; :class:`Custom` covers a team's own types and events that arrive from
outside by name. A ``None`` field is left out of the payload.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

from emitter.errors import EventRefused

JsonObject = Mapping[str, Any]

CRITICAL = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")
#: A run ends with one of these. All have the rights of the critical five.
FINAL = frozenset({"agent_completed", "agent_error", "agent_death"})
AUXILIARY = frozenset(
    {
        "progress_update",
        "service_initializing",
        "service_ready",
        "service_degraded",
        "service_unavailable",
        "service_recovered",
        "system_status",
    }
)
#: Words of the wire protocol, which no event may take as its type.
CONTROL_FRAMES = frozenset(
    "hello batch position gap error ping pong expiring close ack resume auth filter cancel".split()  # noqa: SIM905
)

_NUMBER = (int, float)
_ANY = (object,)
#: Known payload keys and the JSON types they take; ``null`` always fits. Unknown keys are kept unchecked.
KNOWN_KEYS: dict[str, dict[str, tuple[type, ...]]] = {
    "agent_started": {"message": (str,)},
    "agent_thinking": {"thought": (str,), "step_number": (int,)},
    "tool_executing": {"tool_name": (str,), "parameters": _ANY, "call_id": (str,)},
    "tool_completed": {
        "tool_name": (str,),
        "result": _ANY,
        "error": (str,),
        "execution_time_ms": _NUMBER,
        "call_id": (str,),
    },
    "agent_completed": {"result": _ANY, "status": (str,), "usage": (Mapping,), "execution_time_ms": _NUMBER},
    "agent_error": {"error_message": (str,), "error_type": (str,), "recoverable": (bool,)},
    "agent_death": {"death_cause": (str,), "message": (str,)},
}
KNOWN_TYPES = frozenset(KNOWN_KEYS) | AUXILIARY
COMPLETED_STATUS = ("completed", "cancelled")

_TYPE_SHAPE = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}\Z")


class Event(Protocol):
    """Anything with a type and a payload."""

    @property
    def type(self) -> str: ...

    def payload(self) -> JsonObject: ...


class _Fields:
    """Payload from the dataclass's own fields, without those that are ``None``."""

    __slots__: tuple[str, ...] = ()

    def payload(self) -> JsonObject:
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that one model call took. ``model`` is the provider's own name for the model."""

    model: str
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class AgentStarted(_Fields):
    """The agent took up the request; ``message`` is what it was asked."""

    type: ClassVar[str] = "agent_started"
    message: str | None = None


@dataclass(frozen=True, slots=True)
class AgentThinking(_Fields):
    """What the agent considers; ``step_number`` counts from 1."""

    type: ClassVar[str] = "agent_thinking"
    thought: str | None = None
    step_number: int | None = None


@dataclass(frozen=True, slots=True)
class ToolExecuting(_Fields):
    """A tool begins to work; ``call_id`` pairs it with its :class:`ToolCompleted`."""

    type: ClassVar[str] = "tool_executing"
    tool_name: str | None = None
    parameters: Any = None
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCompleted(_Fields):
    """A tool is done: with ``result``, or with ``error``, the reason in words."""

    type: ClassVar[str] = "tool_completed"
    tool_name: str | None = None
    result: Any = None
    error: str | None = None
    execution_time_ms: float | None = None
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class AgentCompleted(_Fields):
    """The run ended well, or was cancelled (``status``)."""

    type: ClassVar[str] = "agent_completed"
    result: Any = None
    status: str = "completed"
    usage: Usage | JsonObject | None = None
    execution_time_ms: float | None = None

    def payload(self) -> JsonObject:
        named = _Fields.payload(self)
        return {**named, "usage": asdict(self.usage)} if isinstance(self.usage, Usage) else named


@dataclass(frozen=True, slots=True)
class AgentError(_Fields):
    """The run ended in an error that its producer saw."""

    type: ClassVar[str] = "agent_error"
    error_message: str | None = None
    error_type: str | None = None
    recoverable: bool | None = None


@dataclass(frozen=True, slots=True)
class AgentDeath(_Fields):
    """The run ended without its producer, which is gone."""

    type: ClassVar[str] = "agent_death"
    death_cause: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Custom:
    """An event given by its name: a team's own type, or a known type with any keys."""

    type: str
    body: JsonObject

    def payload(self) -> JsonObject:
        return self.body


def named(event_type: object, payload: object, custom_types: frozenset[str] = frozenset()) -> Custom:
    """An event that comes from outside by name. Raises ``unknown_type`` unless the type is known or listed."""
    if not isinstance(event_type, str) or (event_type not in KNOWN_TYPES and event_type not in custom_types):
        raise EventRefused(
            "unknown_type",
            f"There is no event type {event_type!r:.80}. Known are {', '.join(sorted(KNOWN_TYPES | custom_types))}; "
            "add your own to EMITTER['CUSTOM_TYPES'].",
        )
    return Custom(event_type, {} if payload is None else payload)  # type: ignore[arg-type]


def check(event_type: str, payload: object) -> None:
    """Refuses a malformed type, a payload that is no object, and known keys of the wrong type."""
    if not isinstance(event_type, str) or event_type in CONTROL_FRAMES or not _TYPE_SHAPE.match(event_type):
        raise EventRefused(
            "unknown_type",
            f"{event_type!r:.80} cannot be an event type: take a letter, then letters, digits or _ . : -, "
            "64 at most, and none of the protocol's own words.",
        )
    if not isinstance(payload, Mapping):
        raise EventRefused("payload_not_object", f"The payload is a {type(payload).__name__}; give a JSON object.")
    for key, kinds in KNOWN_KEYS.get(event_type, {}).items():
        value = payload.get(key)
        if value is not None and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
            if kinds is _ANY:
                continue
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise EventRefused("bad_field", f"{event_type}: {key} takes {wanted}, not {type(value).__name__}.")
    if event_type == "agent_completed" and payload.get("status") not in (None, *COMPLETED_STATUS):
        raise EventRefused("bad_field", "agent_completed: status is 'completed' or 'cancelled'.")
