"""Bearer tokens (JWT): made with our secret, checked with our secrets and with the public keys of ``JWKS``.

The key says which algorithm it is for, never the token: a public key is no secret of ours, and ``none`` is no algorithm
of any key. Every token names its audience, its issuer, its user and its end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import jwt
from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from emitter.conf import conf
from emitter.errors import EventRefused, NotAllowed
from emitter.policy import jwks

ALGORITHM = "HS256"
KEY_BYTES = 32
DAY_SECONDS = 86_400
MOST_BYTES = 8_192
LEEWAY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Claims:
    """What a sound token says. ``own``: signed with a secret of ours, so it may carry rights."""

    subject: str
    expires_at: float
    own: bool
    may_emit: bool = False
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class _Check:
    """A key that may have signed a token, with what it stands for."""

    key: Any
    algorithm: str
    issuer: str
    own: bool


def secrets() -> list[str]:
    """Our secrets: the one that signs, then those that did and are still accepted."""
    if conf.token_key is not None:
        return [conf.token_key, *conf.token_old_keys]
    return [settings.SECRET_KEY, *conf.token_old_keys, *map(str, settings.SECRET_KEY_FALLBACKS)]


def kid_of(secret: str) -> str:
    """The name of one of our secrets, as tokens carry it."""
    return sha256(b"emitter.kid:" + secret.encode()).hexdigest()[:16]


@sensitive_variables()
def create_token(key: str, *, seconds: float, emit: bool = False, fingerprint: str = "") -> str:
    """A token for a user, valid for ``seconds``. With ``emit`` its bearer may emit for any user.

    Give the user's ``users.fingerprint``, and the token ends with the user's password. Raises ``bad_request`` above
    ``TOKEN_DAYS``.
    """
    if seconds > conf.token_days * DAY_SECONDS:
        raise EventRefused("bad_request", f"A token lives {conf.token_days} days at most (TOKEN_DAYS).")
    now = int(time.time())
    claims: dict[str, Any] = {
        "sub": key,
        "iss": conf.token_issuer,
        "aud": conf.token_audience,
        "iat": now,
        "exp": now + int(seconds),
    }
    if emit:
        claims["emit"] = True
    if fingerprint:
        claims["fp"] = fingerprint
    secret = secrets()[0]
    return jwt.encode(claims, secret, algorithm=ALGORITHM, headers={"kid": kid_of(secret)})


@sensitive_variables()
def read(token: str) -> Claims:
    """What a token says. Raises ``token_expired``, ``keys_unavailable`` or ``not_authenticated``."""
    if len(token) > MOST_BYTES:
        raise NotAllowed("not_authenticated", f"A token has {MOST_BYTES:,} characters at most.")
    try:
        header = jwt.get_unverified_header(token)
        for check in _checks(header.get("alg"), header.get("kid")):
            try:
                return _claims(_decode(token, check), check.own)
            except jwt.InvalidSignatureError:
                continue
    except jwt.ExpiredSignatureError:
        raise NotAllowed("token_expired", "The token has expired; get a new one.") from None
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise NotAllowed("not_authenticated", f"The token is not valid: {error!s:.100}.") from None
    raise NotAllowed("not_authenticated", "The token is not valid: none of the accepted keys has signed it.")


def _decode(token: str, check: _Check) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        token,
        check.key,
        algorithms=[check.algorithm],
        audience=conf.token_audience,
        issuer=check.issuer,
        options={"require": ["exp", "sub"]},
    )
    return claims


def _claims(claims: dict[str, Any], own: bool) -> Claims:
    expires_at = float(claims["exp"])
    if expires_at > time.time() + conf.token_days * DAY_SECONDS + LEEWAY_SECONDS:
        raise jwt.InvalidTokenError(f"it lives longer than {conf.token_days} days")
    fingerprint = claims.get("fp", "") if own else ""
    if not isinstance(fingerprint, str):
        raise jwt.InvalidTokenError("its fingerprint is no text")
    return Claims(claims["sub"], expires_at, own, own and claims.get("emit") is True, fingerprint)


def _checks(algorithm: object, kid: object) -> Iterator[_Check]:
    """The keys that are for this algorithm and have this name; a token without a name may mean any of them."""
    if kid is not None and not isinstance(kid, str):
        return
    if algorithm == ALGORITHM:
        for secret in secrets():
            if kid is None or kid == kid_of(secret):
                yield _Check(secret, ALGORITHM, conf.token_issuer, own=True)
    elif conf.jwks and conf.jwks_issuer and isinstance(algorithm, str) and algorithm in jwks.ALGORITHMS:
        for public in jwks.key_set(conf.jwks).find(kid, algorithm):
            yield _Check(public.key, public.algorithm, conf.jwks_issuer, own=False)
