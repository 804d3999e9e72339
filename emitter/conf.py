"""Settings: one dict, ``EMITTER``, with a default for every key.

``conf.payload_bytes`` reads ``settings.EMITTER["PAYLOAD_BYTES"]`` when it is asked, so that tests may override it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed


@dataclass(frozen=True, slots=True)
class Conf:
    """Every key of ``EMITTER`` in small letters, with its default."""

    #: Alias of the database that holds the log.
    database: str = "default"
    #: Alias of the channel layer that carries the bell.
    channel_layer: str = "default"
    #: Dotted path of the agent that answers ``POST /api/runs/``.
    agent: str = "netra_events.agent.DemoAgent"
    #: A unique field of the user model, or a pair of callables: user → key, key → user or None.
    user_key: Any = "pk"
    #: Seconds that an emit may wait for its turn and for the database.
    emit_deadline: float = 5.0
    #: Events that may wait for their commit before callers have to wait to get in.
    queue_events: int = 10_000
    #: Most events in one commit.
    flush_events: int = 1_000
    #: Days that events are kept; ids from outside may not be older.
    retention_days: int = 30
    #: Largest encoded payload, in bytes.
    payload_bytes: int = 65_536
    #: Deepest nesting of a payload.
    payload_depth: int = 32
    #: A team's own event types that may come in by name.
    custom_types: tuple[str, ...] = ()
    #: A session looks at the log at least this often, in seconds.
    repair_seconds: float = 1.0
    #: Seconds between pings on an idle socket.
    heartbeat_seconds: int = 25
    #: Events that a session may have written without an acknowledgement.
    credit_events: int = 1_000
    #: Bytes that a session may have written without an acknowledgement.
    credit_bytes: int = 1_048_576
    #: Seconds that a session waits for an acknowledgement once its credit is spent.
    credit_seconds: float = 30.0
    #: Bytes a second for clients that cannot acknowledge.
    rate_bytes: int = 262_144
    #: Bytes that such a client may get at once.
    rate_burst: int = 1_048_576
    #: Bytes after which such a client has to come back and resume.
    rate_bound: int = 16_777_216
    #: Seconds between two writes of one device's position.
    ack_seconds: float = 1.0
    #: Open sessions of one user in one process.
    sessions_per_user: int = 20
    #: Devices of one user; the one unseen for longest makes room.
    devices_per_user: int = 50
    #: Secret for HS256 tokens, 32 bytes or more. None: Django's SECRET_KEY.
    token_key: str | None = None
    #: Seconds that a ticket is good for.
    ticket_seconds: int = 30
    #: Where events wait while the database is away, below BASE_DIR unless absolute. None: an emit raises instead.
    spool_folder: str | None = "spool"
    #: Events that may wait there.
    spool_events: int = 100_000
    #: Whether the server reaps orphan runs and prunes old events by itself.
    jobs: bool = True
    #: Old senders of a code base that is moving over, by adapter.
    legacy_senders: dict[str, Any] = field(default_factory=dict)
    #: Largest share of calls in shadow mode that may differ; None: an adapter stays in it whatever differs.
    shadow_limit: float | None = 0.05
    #: Largest share of calls in unified mode that may fail; None: an adapter stays in it whatever fails.
    failure_limit: float | None = 0.05
    #: Calls in the last five minutes below which no limit is looked at.
    limit_calls: int = 20
    #: Mode to which an adapter goes back from unified mode: "legacy" or "shadow".
    rollback_to: str = "legacy"
    #: Shadow differences that are kept of each adapter; the oldest make room.
    shadow_differences: int = 1_000
    #: Fields of which you know that they differ, as "type.field"; "*" stands for any.
    shadow_expected: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def _current() -> Conf:
    given: dict[str, Any] = getattr(settings, "EMITTER", {})
    known = {one.name.upper() for one in fields(Conf)}
    if unknown := sorted(set(given) - known):
        raise ImproperlyConfigured(
            f"EMITTER has no setting {', '.join(unknown)}. Known are {', '.join(sorted(known))}."
        )
    values: dict[str, Any] = {key.lower(): value for key, value in given.items()}
    return Conf(**values)


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "EMITTER":
        _current.cache_clear()


setting_changed.connect(_forget)


class _Lazy:
    def __getattr__(self, name: str) -> Any:
        return getattr(_current(), name)


conf: Conf = _Lazy()  # type: ignore[assignment]
