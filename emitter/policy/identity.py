"""Who is asking: from a session's user, a bearer token (HS256) or a ticket to an :class:`Identity`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import jwt
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie

from emitter.conf import conf
from emitter.errors import NotAllowed
from emitter.policy import tickets, users

ALGORITHM = "HS256"
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated user. ``may_emit``: for any user. ``expires_at``: seconds since 1970, ``None`` for a session."""

    key: str
    may_emit: bool = False
    is_staff: bool = False
    expires_at: float | None = None


def of_user(user: Any) -> Identity:
    """The identity of a signed-in user. Raises ``not_authenticated`` for nobody, or somebody inactive."""
    if user is None or not user.is_authenticated or not user.is_active:
        raise NotAllowed("not_authenticated", "Sign in first, or send a ticket or a bearer token.")
    return Identity(
        users.key_of(user),
        may_emit=user.has_perm("emitter.emit_event"),
        is_staff=bool(getattr(user, "is_staff", False)),
    )


def of_cookies(header: str) -> Identity:
    """The identity of a session, from the Cookie header of a socket. Raises ``not_authenticated``."""
    request = HttpRequest()
    session_key = parse_cookie(header).get(settings.SESSION_COOKIE_NAME)
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    return of_user(get_user(request))


def of_token(token: str) -> Identity:
    """The identity that a bearer token proves. Raises ``token_expired`` or ``not_authenticated``."""
    try:
        claims = jwt.decode(token, _key(), algorithms=[ALGORITHM], options={"require": ["exp", "sub"]})
    except jwt.ExpiredSignatureError:
        raise NotAllowed("token_expired", "The token has expired; get a new one.") from None
    except (jwt.InvalidTokenError, ValueError) as error:
        raise NotAllowed("not_authenticated", f"The token is not valid: {error}.") from None
    user = users.user_of(claims["sub"])
    if user is None or not user.is_active:
        raise NotAllowed("not_authenticated", "The token's user does not exist or is not active.")
    return Identity(
        claims["sub"],
        may_emit=claims.get("emit") is True,
        is_staff=bool(getattr(user, "is_staff", False)),
        expires_at=float(claims["exp"]),
    )


def of_ticket(secret: str) -> Identity:
    """The identity for which a ticket was issued; the ticket is spent. Raises ``not_authenticated``."""
    key = tickets.spend(secret)
    user = users.user_of(key) if key is not None else None
    if key is None or user is None or not user.is_active:
        raise NotAllowed("not_authenticated", "The ticket is unknown, spent or expired; get a new one.")
    return Identity(key, is_staff=bool(getattr(user, "is_staff", False)))


def create_token(key: str, *, seconds: float, emit: bool = False) -> str:
    """A token for a user, valid for ``seconds``. With ``emit`` its bearer may emit for any user."""
    now = int(time.time())
    claims: dict[str, Any] = {"sub": key, "iat": now, "exp": now + int(seconds)}
    return jwt.encode({**claims, "emit": True} if emit else claims, _key(), algorithm=ALGORITHM)


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


def _key() -> str:
    return str(conf.token_key or settings.SECRET_KEY)
