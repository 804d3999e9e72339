"""How an older client says who it is. What it claims without proof (``X-User-ID`` and the like) is never read."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from emitter import blocking
from emitter.errors import NotAllowed
from emitter.policy import identity
from emitter.policy.identity import Identity
from emitter.secrecy import Secret

#: What a page offers, and wants to be answered.
JWT_AUTH = "jwt-auth"
#: What stands before a token among the subprotocols, and between the two.
PREFIXES = ("jwt", JWT_AUTH, "bearer", "staging-auth")
ENVIRONMENTS = ("local", "staging", "production", "development")


class Kind(StrEnum):
    """What kind of client it is, by its way to sign in."""

    PAGE = "page"
    TERMINAL = "terminal"
    PROGRAM = "program"


@dataclass(frozen=True, slots=True)
class Knock:
    """What a client brought. Without a token it is the cookie that counts."""

    kind: Kind
    token: Secret | None = None

    async def identity(self, headers: Mapping[str, str]) -> Identity:
        """Who knocks. Raises ``not_authenticated`` and the like, ``forbidden`` for a page of another site."""
        if self.token is not None:
            return await blocking.run(identity.of_token, self.token)
        origin = headers.get("origin")
        if origin is None:
            raise NotAllowed("not_authenticated", "Send a token, or a session cookie together with its Origin.")
        if not identity.is_own_origin(origin, headers.get("host", "")):
            raise NotAllowed("forbidden", "A session cookie counts on pages of this site only.")
        return await blocking.run(identity.of_cookies, headers.get("cookie", ""))


def knock(offered: Sequence[str], bearer: str | None, query: Mapping[str, str]) -> Knock:
    """Reads the handshake: a token among the subprotocols, in the header or in the address; else a cookie."""
    beside = next((token for protocol in offered if (token := _token_in(protocol)) is not None), None)
    found = beside if beside is not None else bearer if bearer is not None else query.get("token")
    token = None if found is None else Secret(found)
    if JWT_AUTH in offered or token is None:
        return Knock(Kind.PAGE, token)
    return Knock(Kind.PROGRAM if beside is None and bearer is not None else Kind.TERMINAL, token)


def _token_in(protocol: str) -> str | None:
    """The token of ``jwt.BASE64``, ``PREFIX.TOKEN`` or ``PREFIX.ENVIRONMENT.TOKEN``."""
    prefix, _, rest = protocol.partition(".")
    if prefix not in PREFIXES or not rest:
        return None
    if prefix == "jwt" and "." not in rest:
        return _unwrapped(rest)
    environment, _, token = rest.partition(".")
    return token if environment in ENVIRONMENTS else rest


def _unwrapped(encoded: str) -> str:
    """What a page has wrapped, because a subprotocol may not hold every character. Nonsense stays nonsense."""
    try:
        return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except (binascii.Error, ValueError):
        return encoded
