"""Old payloads in the emitter's own words. Pure.

The old faces named one thing in several ways and checked nothing. Here each thing gets its one name, what has another
type than its name says is kept under ``legacy``: no event of an old caller is lost over its names and types.
"""

from __future__ import annotations

from typing import Any

from emitter import events
from emitter.adapters.plain import plain, within
from emitter.errors import EventRefused
from emitter.events import Custom, JsonObject
from emitter.metering.usage import reported_by

#: Old names of known keys, by event type.
NAMES: dict[str, dict[str, str]] = {
    "agent_thinking": {"reasoning": "thought"},
    "tool_executing": {"tool": "tool_name", "input": "parameters"},
    "tool_completed": {"tool": "tool_name", "output": "result", "duration_ms": "execution_time_ms"},
    "agent_completed": {"duration_ms": "execution_time_ms"},
    "agent_error": {"error": "error_message"},
}
#: Known keys that old callers put into ``metadata``.
IN_METADATA: dict[str, tuple[str, ...]] = {
    "agent_thinking": ("step_number",),
    "tool_executing": ("parameters", "call_id"),
    "tool_completed": ("result", "error", "execution_time_ms", "call_id"),
    "agent_completed": ("result", "execution_time_ms"),
}


def fitted(event_type: Any, payload: JsonObject, most: int = 65_536) -> Custom:
    """The event of an old call, in ``most`` bytes. Raises ``EventRefused`` for what is no payload at all."""
    made = within(plain(payload), most)
    return Custom(event_type, _typed(event_type, _renamed(event_type, made)) if isinstance(event_type, str) else made)


def _renamed(event_type: str, payload: dict[str, Any]) -> dict[str, Any]:
    for old, new in NAMES.get(event_type, {}).items():
        if old in payload and payload.get(new) is None:
            payload[new] = payload.pop(old)
    metadata = payload.get("metadata")
    if isinstance(metadata, dict):
        for key in IN_METADATA.get(event_type, ()):
            if key in metadata and payload.get(key) is None:
                payload[key] = metadata.pop(key)
    return payload


def _typed(event_type: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Sets aside what the emitter would refuse the event for."""
    known = {*events.KNOWN_KEYS.get(event_type, ()), "usage"}
    if _fits(event_type, payload):
        return payload
    misfits = {key: payload[key] for key in known & payload.keys() if not _fits(event_type, {key: payload[key]})}
    kept = {key: value for key, value in payload.items() if key not in misfits}
    return {**kept, "legacy": misfits}


def _fits(event_type: str, payload: JsonObject) -> bool:
    try:
        events.check(event_type, payload)
        reported_by(event_type, payload)
    except EventRefused:
        return False
    return True


def without_nulls(payload: JsonObject) -> dict[str, Any]:
    return {key: value for key, value in payload.items() if value is not None}
