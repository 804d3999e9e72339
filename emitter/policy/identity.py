"""Who is asking: from a session's user, a bearer token or a ticket to an :class:`Identity`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie
from django.views.decorators.debug import sensitive_variables

from emitter.errors import NotAllowed
from emitter.policy import sessions, tickets, tokens, users
from emitter.policy.tokens import create_token

__all__ = ["Identity", "Standing", "create_token", "is_own_origin", "of_cookies", "of_ticket", "of_token", "of_user"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What an identity rests on, for as long as it is connected: a password, and the session of a cookie."""

    fingerprint: str = ""
    session: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Service:
    """What a service's key is for; without ``types`` or ``users``: for all of them."""

    prefix: str
    may_read: bool = False
    types: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated user. ``may_emit``: for any user; ``may_view``: the streams of others.

    ``expires_at`` is in seconds since 1970, ``None`` for a session. A ``service`` has no user, and so an empty key.
    """

    key: str
    may_emit: bool = False
    is_staff: bool = False
    expires_at: float | None = None
    may_view: bool = False
    standing: Standing | None = field(default=None, compare=False)
    service: Service | None = None


def of_user(user: Any, session: str = "") -> Identity:
    """The identity of a signed-in user. Raises ``not_authenticated`` for nobody, or somebody inactive."""
    if user is None or not user.is_authenticated or not user.is_active:
        raise NotAllowed("not_authenticated", "Sign in first, or send a ticket or a bearer token.")
    return _identity(
        user, may_emit=user.has_perm("emitter.emit_event"), standing=Standing(users.fingerprint(user), session)
    )


def of_request(request: HttpRequest) -> Identity:
    """The identity of a request's session. Raises ``not_authenticated``."""
    return of_user(getattr(request, "user", None), sessions.key_of(request))


def of_cookies(header: str) -> Identity:
    """The identity of a session, from the Cookie header of a socket. Raises ``not_authenticated``."""
    request = HttpRequest()
    session_key = parse_cookie(header).get(settings.SESSION_COOKIE_NAME)
    request.session = sessions.store()(session_key)
    # Django gives a session of an older SECRET_KEY a new key, and a socket cannot hand it to its browser.
    request.session.cycle_key = lambda: None  # type: ignore[method-assign]
    request.user = get_user(request)
    return of_request(request)


@sensitive_variables()
def of_token(token: str) -> Identity:
    """The identity that a bearer token proves. Raises what :func:`tokens.read` does."""
    claims = tokens.read(token)
    user = users.user_of(claims.subject)
    if user is None or not user.is_active:
        raise NotAllowed("not_authenticated", "The token's user does not exist or is not active.")
    if claims.fingerprint and not users.fits(user, claims.fingerprint):
        raise NotAllowed("not_authenticated", "The password has changed since the token was made; get a new one.")
    return _identity(
        user,
        may_emit=claims.may_emit if claims.own else user.has_perm("emitter.emit_event"),
        expires_at=claims.expires_at,
        standing=Standing(claims.fingerprint or users.fingerprint(user)),
    )


@sensitive_variables()
def of_ticket(secret: str) -> Identity:
    """The identity for which a ticket was issued; the ticket is spent. Raises ``not_authenticated``."""
    ticket = tickets.spend(secret)
    user = users.user_of(ticket.stream) if ticket is not None else None
    if ticket is None or user is None or not user.is_active:
        raise NotAllowed("not_authenticated", "The ticket is unknown, spent or expired; get a new one.")
    if ticket.session and not sessions.living({ticket.session}):
        raise NotAllowed("not_authenticated", "Whoever got the ticket has signed out since; sign in again.")
    if ticket.fingerprint and not users.fits(user, ticket.fingerprint):
        raise NotAllowed("not_authenticated", "The password has changed since the ticket was made; sign in again.")
    return _identity(
        user,
        expires_at=ticket.source_expires_at,
        standing=Standing(ticket.fingerprint or users.fingerprint(user), ticket.session),
    )


def _identity(user: Any, **rights: Any) -> Identity:
    is_staff = bool(getattr(user, "is_staff", False))
    may_view = is_staff and user.has_perm("emitter.view_event")
    return Identity(users.key_of(user), is_staff=is_staff, may_view=may_view, **rights)


def is_own_origin(origin: str, host: str) -> bool:
    """Whether a request that carries a cookie comes from a page of this site, or one in CSRF_TRUSTED_ORIGINS."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower():
        return True
    return any(_matches(parts.scheme, parts.netloc.lower(), trusted) for trusted in settings.CSRF_TRUSTED_ORIGINS)


def _matches(scheme: str, netloc: str, trusted: str) -> bool:
    wanted = urlsplit(trusted)
    if wanted.scheme != scheme:
        return False
    return netloc.endswith(wanted.netloc[1:]) if wanted.netloc.startswith("*.") else netloc == wanted.netloc
