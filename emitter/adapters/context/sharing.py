"""Objects that the old code registered as shared, so that none of them becomes a request's own session."""

from __future__ import annotations

from typing import Any

from emitter.adapters.context.rules import ContextIsolationError

#: By identity. They are shared by the whole process, so that it keeps them costs nothing.
_shared: dict[int, Any] = {}


def register(obj: Any) -> None:
    _shared[id(obj)] = obj


def clear() -> None:
    _shared.clear()


def refuse_shared(session: Any) -> None:
    """Raises ``ContextIsolationError`` when a session is registered as shared."""
    if session is not None and id(session) in _shared:
        raise ContextIsolationError("The context's db_session is shared with other requests; give it one of its own.")
