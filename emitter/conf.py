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
    #: Events that fill a commit: the last caller's may go beyond, no further caller's are taken.
    flush_events: int = 1_000
    #: Days that events are kept, unless a tier says otherwise; ids from outside may not be older than the shortest.
    retention_days: int = 30
    #: Largest encoded payload, in bytes.
    payload_bytes: int = 65_536
    #: Deepest nesting of a payload.
    payload_depth: int = 32
    #: Longest text in a payload, in characters; the rest is cut off and a mark says so. None: as long as it comes.
    string_chars: int | None = None
    #: Longest list in a payload, likewise. None: as long as it comes.
    list_items: int | None = None
    #: Further keys of payloads whose values are secrets and are redacted.
    secret_keys: tuple[str, ...] = ()
    #: Keys of payloads whose values are no secrets, whatever they are called.
    plain_keys: tuple[str, ...] = ()
    #: What to do with placeholders and names of a system as ids of runs and threads: "flag", "refuse" or "allow".
    suspicious_ids: str = "flag"
    #: What to do with events that come in an order that makes no sense: "flag", "refuse" or "allow".
    lifecycle: str = "flag"
    #: Seconds for which a user who was found active is not looked up again.
    user_seconds: float = 5.0
    #: Refusals that are kept for the admin, the newest. 0: none.
    refusal_rows: int = 10_000
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
    #: Open sessions of one user in one process, unless a tier says otherwise.
    sessions_per_user: int = 20
    #: Devices of one user, unless a tier says otherwise; the one unseen for longest makes room.
    devices_per_user: int = 50
    #: Who has which tier: a callable or its dotted path (user key → name), a field of the user, or one name for all.
    tier_of: Any = None
    #: Your own tiers: name → what it gives. None: the four below.
    tiers: dict[str, Any] | None = None
    #: Seconds for which a process remembers a user's tier.
    tier_seconds: float = 30.0
    #: Seconds back that a client at ``/ws`` gets what it missed while it was cut off.
    replay_seconds: float = 300.0
    #: Secret for HS256 tokens, 32 bytes or more. None: Django's SECRET_KEY.
    token_key: str | None = None
    #: Earlier secrets: they sign nothing more and are still accepted. Without a TOKEN_KEY so are SECRET_KEY_FALLBACKS.
    token_old_keys: tuple[str, ...] = ()
    #: The audience that every token has to name.
    token_audience: str = "emitter"
    #: The issuer of tokens that are signed with our secrets.
    token_issuer: str = "emitter"
    #: Days that a token may live at most.
    token_days: int = 30
    #: PEM or JWKS file, or https address of a JWKS, whose RS256 and EdDSA keys sign somebody else's tokens.
    jwks: str | None = None
    #: The issuer of those tokens.
    jwks_issuer: str | None = None
    #: Seconds between two looks whether those with open sessions are still signed in, active, and have their password.
    review_seconds: float = 2.0
    #: Sockets and streams a second from one address, in one process; ten times as many at once. None: no limit.
    connections_per_address: float | None = 200.0
    #: Seconds in which a request has to arrive whole, under daphne. None: no limit.
    request_seconds: float | None = 60.0
    #: Events a second of a service key that has no rate of its own.
    key_rate: int = 1_000
    #: Days that it is remembered who looked at another's data.
    access_days: int = 365
    #: Seconds that a ticket is good for.
    ticket_seconds: int = 30
    #: Where events wait while the database is away, below BASE_DIR unless absolute. None: an emit raises instead.
    spool_folder: str | None = "spool"
    #: Events that may wait there.
    spool_events: int = 100_000
    #: Whether the server reaps orphan runs, prunes old events, rolls up usage and keeps budgets by itself.
    jobs: bool = True
    #: A team's own prices by model, USD per million tokens as texts: {"model": {"input": "1.25", "output": "10"}}.
    prices: dict[str, Any] = field(default_factory=dict)
    #: What each tier's users may spend: {"free": {"usd": "5.00", "per": "day" or "month", "warn": "0.8"}}.
    budgets: dict[str, Any] = field(default_factory=dict)
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


def current() -> Conf:
    """All settings as they stand; the same object until one changes, for whoever reads many."""
    return _current()


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "EMITTER":
        _current.cache_clear()


setting_changed.connect(_forget)


class _Lazy:
    def __getattr__(self, name: str) -> Any:
        return getattr(_current(), name)


conf: Conf = _Lazy()  # type: ignore[assignment]
