"""The old wire shapes, and the emitter's own events, in one form that can be compared. Pure.

Bridge: ``{type, run_id, agent_name, timestamp, payload, trace?}``. Manager: ``{type, data, timestamp, critical,
attempt}`` with the ids inside ``data``. Flat: everything at top level. Old names become the emitter's, ids and times
are taken out, and what was nested in ``metadata`` (of a completion also in its ``result``) stands beside the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

#: What an envelope carries beside the fields.
ENVELOPE = frozenset(
    {"type", "timestamp", "critical", "attempt", "recovered", "message_id", "run_id", "thread_id", "request_id"}
    | {"user_id", "agent_name"}
)
#: Old names of fields, by event type.
NAMES: dict[str, dict[str, str]] = {
    "agent_thinking": {"reasoning": "thought"},
    "tool_executing": {"tool": "tool_name", "input": "parameters"},
    "tool_completed": {"tool": "tool_name", "output": "result", "duration_ms": "execution_time_ms"},
    "agent_completed": {"duration_ms": "execution_time_ms"},
    "agent_error": {"error": "error_message"},
}
#: Objects whose members are fields like the others; of those of one name the first found counts.
NESTED = ("legacy", "result", "metadata")


class Shape(StrEnum):
    """How a frame is built. ``EVENT`` is the emitter's own."""

    BRIDGE = "bridge"
    MANAGER = "manager"
    FLAT = "flat"
    EVENT = "event"


class Unreadable(Exception):
    """The frame has none of the shapes."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a frame says: to whom, of which run and agent (``None`` where it does not say), and its fields."""

    shape: Shape
    type: str
    user: str | None
    run: str | None
    agent: str | None
    fields: Mapping[str, Any]
    #: What an event's payload has under an envelope's name: a flat frame let it go over the envelope's own.
    own: Mapping[str, Any] = field(default_factory=dict)


def read_frame(user: str | None, frame: Any) -> Said:
    """An old frame. Raises :class:`Unreadable`."""
    made = plain(frame)
    shape, event_type, outer, inner = _opened(made)
    fields = _flattened(event_type, inner)
    return Said(
        shape,
        event_type,
        user if user is not None else _text(outer, "user_id"),
        _text(outer, "run_id") or _text(fields, "run_id"),
        _text(outer, "agent_name") or _text(fields, "agent_name"),
        _named(event_type, {**fields, **({"trace": outer["trace"]} if outer.get("trace") else {})}),
    )


def read_event(user: str, run: str, agent: str, event_type: str, payload: Mapping[str, Any]) -> Said:
    """An event of the emitter."""
    fields = _flattened(event_type, plain(payload))
    own = {key: fields[key] for key in ENVELOPE if key in fields}
    return Said(Shape.EVENT, event_type, user, run, agent, _named(event_type, fields), own)


def plain(value: Any) -> dict[str, Any]:
    """An object of plain JSON values, of an object or of JSON text. Raises :class:`Unreadable`."""
    try:
        if isinstance(value, str | bytes | bytearray | memoryview):
            made = msgspec.json.decode(value)
        else:
            made = msgspec.to_builtins(value, str_keys=True, enc_hook=_as_plain)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, TypeError, ValueError) as error:
        raise Unreadable(f"The frame is no JSON ({type(error).__name__}).") from error
    if not isinstance(made, dict):
        raise Unreadable(f"The frame is a {type(made).__name__} and no object.")
    return made


def _as_plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return dump(mode="json") if callable(dump := getattr(value, "model_dump", None)) else str(value)


def _opened(frame: dict[str, Any]) -> tuple[Shape, str, dict[str, Any], dict[str, Any]]:
    """The shape, the type, the envelope and what is in it."""
    event_type = frame.get("event") if frame.get("type") == "system_message" else frame.get("type")
    if not isinstance(event_type, str):
        raise Unreadable("The frame names no type.")
    for shape, key in ((Shape.BRIDGE, "payload"), (Shape.MANAGER, "data")):
        if isinstance(frame.get(key), dict):
            return shape, event_type, frame, frame[key]
    return Shape.FLAT, event_type, frame, frame


def _flattened(event_type: str, fields: dict[str, Any]) -> dict[str, Any]:
    made = {key: value for key, value in fields.items() if value is not None}
    for key in NESTED:
        if isinstance(nested := made.get(key), dict) and (key != "result" or event_type == "agent_completed"):
            del made[key]
            made = {**_flattened(event_type, nested), **made}
    return made


def _named(event_type: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Fields without ids and times, under the emitter's names."""
    return renamed(event_type, {key: value for key, value in fields.items() if key not in ENVELOPE})


def renamed(event_type: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields under the names that the emitter has for them in an event of this type."""
    made = dict(fields)
    for old, new in NAMES.get(event_type, {}).items():
        if old in made and new not in made:
            made[new] = made.pop(old)
    return made


def _text(fields: Mapping[str, Any], key: str) -> str | None:
    value = fields.get(key)
    return value if isinstance(value, str) and value else None
