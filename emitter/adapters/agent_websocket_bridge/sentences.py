"""The sentences and the limits of the old bridge. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emitter.adapters.plain import shortened
from emitter.errors import EventRefused

#: Most characters of a text, and most members of a list.
PARAMETER, RESULT, CUSTOM, ERROR = 200, 500, 1000, 300
RESULT_ITEMS = 10
PROGRESS_KEYS = (
    "percentage",
    "current_step",
    "total_steps",
    "message",
    "status",
    "estimated_remaining",
    "progress_type",
)

_DEATHS = {
    "timeout": "{} took too long and was stopped. Ask again.",
    "no_heartbeat": "{} stopped answering. Ask again.",
    "silent_failure": "{} ended without a word. Ask again.",
    "memory_limit": "{} needed more memory than there is. Ask for less at a time.",
    "cancelled": "{} was stopped.",
}
_DEATH = "{} has ended unexpectedly. Ask again."


def death(agent_name: str, cause: Any) -> str:
    """What a person is told of an agent's death."""
    return _DEATHS.get(cause if isinstance(cause, str) else "", _DEATH).format(agent_name)


def error(text: Any) -> str:
    """The text of an error, at a length that a person reads."""
    return str(shortened(str(text), ERROR)) if text else "Something went wrong."


def error_context(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """What of an error's context a person may see."""
    if not given:
        return {}
    kept = {key: given.get(key) or "unknown" for key in ("error_type", "agent_step")}
    return {**kept, "user_facing": True}


def progress(given: Any) -> dict[str, Any]:
    """What of a progress report a person may see. Raises ``payload_not_object``."""
    return {key: value for key, value in mapping(given).items() if key in PROGRESS_KEYS}


def mapping(given: Any) -> Mapping[str, Any]:
    """``given``. Raises ``payload_not_object`` when it is no dictionary."""
    if not isinstance(given, Mapping):
        raise EventRefused("payload_not_object", f"The data is a {type(given).__name__}; give a dictionary.")
    return given
