"""What an old context may hold. Which ids are placeholders is the policy's.

Ids that begin with ``test_`` pass where Django's test environment is set up, which is where it keeps an ``outbox``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core import mail

from emitter.errors import EmitterError
from emitter.policy.contexts import is_placeholder

MOST_DEPTH = 10
#: Keys that would pass for the context's own fields.
RESERVED = frozenset(
    {"user_id", "thread_id", "run_id", "request_id", "created_at", "db_session", "websocket_client_id"}
)
#: What of a mixed ``metadata`` belongs to the audit: keys that hold one of these.
AUDIT_WORDS = (
    "audit",
    "compliance",
    "trace",
    "log",
    "parent_request_id",
    "operation_depth",
    "created_at",
    "context_",
    "client_ip",
    "user_agent",
    "method",
    "url",
    "content_type",
)
_LIFTED = ("operation_depth", "parent_request_id")


class InvalidContextError(EmitterError):
    """The context breaks a rule."""

    def __init__(self, detail: str) -> None:
        super().__init__("bad_context", detail)


class ContextIsolationError(EmitterError):
    """Two contexts would share what belongs to one."""

    def __init__(self, detail: str) -> None:
        super().__init__("bad_context", detail)


def check_text(**texts: Any) -> None:
    """Raises ``InvalidContextError`` for what is blank or no text."""
    for name, value in texts.items():
        if not isinstance(value, str) or not value.strip():
            raise InvalidContextError(f"{name} must be a text that is not blank.")


def check_ids(**ids: Any) -> None:
    """Raises ``InvalidContextError`` for an id that is blank, no text, or a placeholder."""
    check_text(**ids)
    for name, value in ids.items():
        if is_placeholder(value, testing=hasattr(mail, "outbox")):
            raise InvalidContextError(f"{name} is {value!r:.40}, which stands for an id that nobody has put in.")


def check_data(**data: Any) -> None:
    """Raises ``InvalidContextError`` for what is no dictionary, or holds a reserved key."""
    for name, value in data.items():
        if not isinstance(value, Mapping):
            raise InvalidContextError(f"{name} is a {type(value).__name__}; give a dictionary.")
        if reserved := sorted(RESERVED & value.keys()):
            raise InvalidContextError(f"{name} holds {', '.join(reserved)}, which the context has fields for.")


def check_depth(depth: Any) -> None:
    """Raises ``InvalidContextError`` for a context below the tenth child."""
    if not isinstance(depth, int) or not 0 <= depth <= MOST_DEPTH:
        raise InvalidContextError(f"operation_depth is {depth!r:.20}; contexts go from 0 to {MOST_DEPTH} deep.")


def audit_of(request: Any) -> dict[str, Any]:
    """What of an HTTP request goes into the audit."""
    headers = request.headers
    traces = ("x-request-id", "x-correlation-id", "x-trace-id")
    found = {
        "client_ip": getattr(getattr(request, "client", None), "host", None),
        "user_agent": headers.get("user-agent"),
        "method": request.method,
        "url": str(request.url),
        "content_type": headers.get("content-type"),
        **{name.replace("-", "_"): headers.get(name) for name in traces},
    }
    return {key: value for key, value in found.items() if value is not None}


def split(metadata: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A mixed ``metadata`` as agent context, audit metadata, and what are fields of the context."""
    agent: dict[str, Any] = {}
    audit: dict[str, Any] = {}
    for key, value in metadata.items():
        if key not in _LIFTED:
            (audit if any(word in key.lower() for word in AUDIT_WORDS) else agent)[key] = value
    return agent, audit, {key: metadata[key] for key in _LIFTED if metadata.get(key) is not None}
