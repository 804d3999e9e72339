"""The vocabulary: five critical events, two other endings, and auxiliary types.

Events are frozen dataclasses, one per type; :class:`Custom` covers a team's own types and events that arrive from
outside by name. A ``None`` field is left out of the payload. Any event may carry the tokens that it took (``usage``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

from emitter.errors import EventRefused
from emitter.texts import UNSAFE

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
#: Auxiliary types about money, which no policy leaves out.
ACCOUNTING = frozenset({"budget_exceeded", "budget_warning", "usage_reported"})
#: Words of the wire protocol, which no event may take as its type.
CONTROL_FRAMES = frozenset(
    "hello batch position gap error ping pong expiring close ack resume auth filter cancel".split()  # noqa: SIM905
)

_NUMBER = (int, float)
_ANY = (object,)
_USAGE: dict[str, tuple[type, ...]] = {"usage": (Mapping,)}
#: Known payload keys and the JSON types they take; ``null`` always fits. Unknown keys are kept unchecked.
KNOWN_KEYS: dict[str, dict[str, tuple[type, ...]]] = {
    "agent_started": {"message": (str,), **_USAGE},
    "agent_thinking": {"thought": (str,), "step_number": (int,), **_USAGE},
    "tool_executing": {"tool_name": (str,), "parameters": _ANY, "call_id": (str,), **_USAGE},
    "tool_completed": {
        "tool_name": (str,),
        "result": _ANY,
        "error": (str,),
        "execution_time_ms": _NUMBER,
        "call_id": (str,),
        **_USAGE,
    },
    "agent_completed": {"result": _ANY, "status": (str,), **_USAGE, "execution_time_ms": _NUMBER},
    "agent_error": {"error_message": (str,), "error_type": (str,), "recoverable": (bool,), **_USAGE},
    "agent_death": {"death_cause": (str,), "message": (str,), **_USAGE},
}
KNOWN_TYPES = frozenset(KNOWN_KEYS) | AUXILIARY | ACCOUNTING
COMPLETED_STATUS = ("completed", "cancelled")

_TYPE_SHAPE = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}\Z")
#: Most tokens that one call can have taken.
MOST_TOKENS = 1_000_000_000
MODEL_LENGTH = 200


class Event(Protocol):
    """Anything with a type and a payload."""

    @property
    def type(self) -> str: ...

    def payload(self) -> JsonObject: ...


class KnownEvent:
    """Base of the seven: the payload is their own fields, without those that are ``None``."""

    __slots__: tuple[str, ...] = ()
    type: ClassVar[str]
    usage: Usage | JsonObject | None

    def payload(self) -> JsonObject:
        named = {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}
        if isinstance(usage := named.get("usage"), Usage):
            named["usage"] = asdict(usage)
        return named


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that one model call took. ``model`` is the provider's own name for the model, or ``""`` when nobody knows.

    Raises ``bad_field`` when a part cannot be that.
    """

    model: str
    input_tokens: int = 0
    output_tokens: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.model, str) or len(self.model) > MODEL_LENGTH or UNSAFE.search(self.model):
            raise EventRefused(
                "bad_field",
                f"usage: model takes a text of at most {MODEL_LENGTH} characters, without control characters.",
            )
        for name in ("input_tokens", "output_tokens"):
            tokens = getattr(self, name)
            if type(tokens) is not int or not 0 <= tokens <= MOST_TOKENS:
                raise EventRefused("bad_field", f"usage: {name} takes a whole number from 0 to {MOST_TOKENS:,}.")


@dataclass(frozen=True, slots=True)
class AgentStarted(KnownEvent):
    """The agent took up the request; ``message`` is what it was asked."""

    type: ClassVar[str] = "agent_started"
    message: str | None = None
    usage: Usage | JsonObject | None = None


@dataclass(frozen=True, slots=True)
class AgentThinking(KnownEvent):
    """What the agent considers; ``step_number`` counts from 1."""

    type: ClassVar[str] = "agent_thinking"
    thought: str | None = None
    step_number: int | None = None
    usage: Usage | JsonObject | None = None


@dataclass(frozen=True, slots=True)
class ToolExecuting(KnownEvent):
    """A tool begins to work; ``call_id`` pairs it with its :class:`ToolCompleted`."""

    type: ClassVar[str] = "tool_executing"
    tool_name: str | None = None
    parameters: Any = None
    call_id: str | None = None
    usage: Usage | JsonObject | None = None


@dataclass(frozen=True, slots=True)
class ToolCompleted(KnownEvent):
    """A tool is done: with ``result``, or with ``error``, the reason in words."""

    type: ClassVar[str] = "tool_completed"
    tool_name: str | None = None
    result: Any = None
    error: str | None = None
    execution_time_ms: float | None = None
    call_id: str | None = None
    usage: Usage | JsonObject | None = None


@dataclass(frozen=True, slots=True)
class AgentCompleted(KnownEvent):
    """The run ended well, or was cancelled (``status``)."""

    type: ClassVar[str] = "agent_completed"
    result: Any = None
    status: str = "completed"
    usage: Usage | JsonObject | None = None
    execution_time_ms: float | None = None


@dataclass(frozen=True, slots=True)
class AgentError(KnownEvent):
    """The run ended in an error that its producer saw."""

    type: ClassVar[str] = "agent_error"
    error_message: str | None = None
    error_type: str | None = None
    recoverable: bool | None = None
    usage: Usage | JsonObject | None = None


@dataclass(frozen=True, slots=True)
class AgentDeath(KnownEvent):
    """The run ended without its producer, which is gone."""

    type: ClassVar[str] = "agent_death"
    death_cause: str | None = None
    message: str | None = None
    usage: Usage | JsonObject | None = None


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
