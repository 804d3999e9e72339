"""What an older client says, in all its variants. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from emitter.errors import FrameError

#: Bytes of the longest message that is read.
MESSAGE_BYTES = 262_144
#: Where a field may stand, and under which names the text.
PLACES = ("payload", "data")
TEXTS = ("user_request", "content", "message", "text", "query")

STARTS = frozenset({"start_agent", "user_message", "message", "chat", "chat_message", "agent_request", "execute_agent"})
STOPS = frozenset({"stop_agent", "stop_processing"})
SILENT = frozenset({"disconnect", "session_restore", "heartbeat_ack", "auth", "switch_thread"})


@dataclass(frozen=True, slots=True)
class Start:
    """Set the agent to work. ``run`` is the client's own name for the run, which is nobody else's."""

    text: str | None
    thread: str | None
    run: str | None


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop a run, by the name that the client knows, or in its thread, or the last one."""

    run: str | None
    thread: str | None


@dataclass(frozen=True, slots=True)
class Ping:
    """Wants a pong."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The end of the handshake, for those that shake hands."""


@dataclass(frozen=True, slots=True)
class Silent:
    """Wants nothing."""


Message = Start | Stop | Ping | Acknowledged | Silent


def read(said: str | bytes) -> Message:
    """A client's message. Raises ``bad_frame`` for what is none and ``unknown_frame`` for an unknown type."""
    if len(said) > MESSAGE_BYTES:
        raise FrameError("bad_frame", f"The message is longer than {MESSAGE_BYTES:,} bytes; shorten it.")
    try:
        message = msgspec.json.decode(said)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        message = None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise FrameError("bad_frame", "The message is not a JSON object with a type.")
    return _understood(message)


def _understood(message: Mapping[str, Any]) -> Message:
    match message["type"]:
        case "ping":
            return Ping()
        case "handshake_acknowledged":
            return Acknowledged()
        case kind if kind in STARTS:
            return Start(_first(message, *TEXTS), _first(message, "thread_id"), _first(message, "run_id"))
        case kind if kind in STOPS:
            return Stop(_first(message, "run_id"), _first(message, "thread_id"))
        case kind if kind in SILENT:
            return Silent()
        case kind:
            raise FrameError("unknown_frame", f"There is no message {kind!r:.40}; it was left out.")


def _first(message: Mapping[str, Any], *names: str) -> str | None:
    """The first text under one of these names that says something."""
    for place in _places(message):
        for name in names:
            value = place.get(name)
            if isinstance(value, str) and value.strip():
                return value.strip()
    return None


def _places(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The payload, the data, and the top level."""
    yield from (inner for place in PLACES if isinstance(inner := message.get(place), dict))
    yield message
