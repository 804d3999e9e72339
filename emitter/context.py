"""Whose event it is: user, thread, run and agent, checked once and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from emitter.errors import EventRefused
from emitter.texts import UNSAFE

ID_LENGTH = 200
#: Ways by which an event comes in: the emitter itself, or one of the old faces in front of it.
SOURCES = frozenset(
    {"emitter", "unified_emitter", "agent_websocket_bridge", "base_agent", "transparent_websocket_events"}
)


def check_id(name: str, value: object) -> str:
    """Returns ``value`` when it can be an id, raises ``bad_id`` otherwise.

    An id is a text of 1 to 200 characters without control characters, half surrogate pairs, or space at its ends.
    """
    if not isinstance(value, str):
        raise EventRefused("bad_id", f"{name} is a {type(value).__name__}; give a text.")
    if not value or len(value) > ID_LENGTH or value != value.strip():
        raise EventRefused("bad_id", f"{name} must have 1 to {ID_LENGTH} characters and no space at its ends.")
    if UNSAFE.search(value):
        raise EventRefused("bad_id", f"{name} holds a control character or half a surrogate pair.")
    return value


def check_event_id(value: object) -> UUID:
    """Returns the UUIDv7 that ``value`` is or names, raises ``bad_event_id`` otherwise."""
    try:
        event_id = value if isinstance(value, UUID) else UUID(value)  # type: ignore[arg-type]
    except (ValueError, TypeError, AttributeError):
        event_id = None
    if event_id is None or event_id.version != 7:
        raise EventRefused(
            "bad_event_id", f"{value!r:.60} is no UUIDv7; leave the id out and one is made, or make one by RFC 9562."
        )
    return event_id


def minted_at(event_id: UUID) -> float:
    """Seconds since 1970 at which a UUIDv7 says that it was made (RFC 9562, section 5.7)."""
    return (event_id.int >> 80) / 1000


@dataclass(frozen=True, slots=True)
class RunContext:
    """Who an event is for and what it belongs to. Raises ``bad_id`` when a part is malformed.

    ``user_id`` is the user's key (``USER_KEY``). Without ``thread_id`` the run's known thread is taken, or, for a new
    run, the run's id. ``source`` is one of :data:`SOURCES`; an event that came through an old face says so.
    """

    user_id: str
    thread_id: str | None = None
    run_id: str = ""
    agent_name: str = "agent"
    source: str = "emitter"

    def __post_init__(self) -> None:
        check_id("user_id", self.user_id)
        check_id("run_id", self.run_id)
        check_id("agent_name", self.agent_name)
        if self.thread_id is not None:
            check_id("thread_id", self.thread_id)
        if self.source not in SOURCES:
            raise EventRefused("bad_field", f"source is one of {', '.join(sorted(SOURCES))}, not {self.source!r:.40}.")
