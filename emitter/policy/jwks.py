"""Public keys of somebody else's tokens: a PEM or JWKS file, or the address of a JWKS.

They are read when they are first needed, kept, and read again from time to time and when a token names a key that is
not among them. One thread at a time reads; the others go on with what is there. Whatever comes is bounded: how long it
takes, how large it is, and how often a stranger's token can cause it.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

import jwt

from emitter.errors import NotAllowed

logger = logging.getLogger("emitter")

ALGORITHMS = frozenset({"RS256", "EdDSA"})
RSA_BITS = 2_048
MOST_KEYS = 50
MOST_BYTES = 262_144
#: Seconds that reading an address may take.
FETCH_SECONDS = 3.0
#: Seconds after which an address is read again, a file, and either for a key that is missing or after a failure.
FRESH_ADDRESS, FRESH_FILE, AGAIN = 300.0, 5.0, 30.0
#: Seconds that keys are still good for when they cannot be read any more.
STALE = 86_400.0

_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key with the one algorithm that it is for. Without ``kid`` it may be meant by any token."""

    kid: str | None
    algorithm: str
    key: Any


class UnusableKeys(Exception):
    """What was read is no set of public keys."""


def parse(data: bytes) -> tuple[PublicKey, ...]:
    """The keys of a JWKS or PEM text that can check a signature. Raises :class:`UnusableKeys`."""
    if b"PRIVATE KEY" in data:
        raise UnusableKeys("there is a private key in it; only public keys belong there")
    keys = _parse_pem(data) if b"-----BEGIN" in data else _parse_jwks(data)
    usable = tuple(key for key in keys if key is not None)
    if not usable:
        raise UnusableKeys(f"it has no public key for {' or '.join(sorted(ALGORITHMS))}")
    return usable[:MOST_KEYS]


def _parse_pem(data: bytes) -> list[PublicKey | None]:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        return [_usable(None, load_pem_public_key(block)) for block in _PEM.findall(data)]
    except ValueError as error:
        raise UnusableKeys(f"the PEM text cannot be read: {error}") from None


def _parse_jwks(data: bytes) -> list[PublicKey | None]:
    try:
        entries = json.loads(data)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UnusableKeys("it is neither PEM nor a JSON object with 'keys'") from None
    return [_parse_jwk(entry) for entry in entries[:MOST_KEYS]] if isinstance(entries, list) else []


def _parse_jwk(entry: Any) -> PublicKey | None:
    """One public key of a set; secrets, private keys and keys for other ends are passed over."""
    if not isinstance(entry, dict) or entry.get("kty") not in ("RSA", "OKP"):
        return None
    if entry.get("use", "sig") != "sig" or not isinstance(entry.get("kid", ""), str):
        return None
    try:
        key = jwt.PyJWK({**entry, "alg": entry.get("alg") or ("RS256" if entry["kty"] == "RSA" else "EdDSA")})
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    found = _usable(entry.get("kid"), key.key)
    return found if found is not None and found.algorithm == key.algorithm_name else None


def _usable(kid: str | None, key: Any) -> PublicKey | None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if isinstance(key, RSAPublicKey) and key.key_size >= RSA_BITS:
        return PublicKey(kid, "RS256", key)
    return PublicKey(kid, "EdDSA", key) if isinstance(key, Ed25519PublicKey) else None


def is_address(source: str) -> bool:
    """Whether the setting names an address; else it names a file."""
    return "://" in source


def is_safe_address(source: str) -> bool:
    """Whether an address may be asked for keys: over https, or on this machine."""
    parts = urlsplit(source)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


class _StayThere(HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Keys come from where the setting says, and from nowhere else."""
        return None


def read(source: str) -> bytes:
    """What a file or an address holds. Raises ``OSError`` or :class:`UnusableKeys`."""
    if not is_address(source):
        with Path(source).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    elif is_safe_address(source):
        data = _fetch(source)
    else:
        raise UnusableKeys("an address has to begin with https://")
    if len(data) > MOST_BYTES:
        raise UnusableKeys(f"it is larger than {MOST_BYTES:,} bytes")
    return data


def _fetch(address: str) -> bytes:
    until = time.monotonic() + FETCH_SECONDS
    data = b""
    with build_opener(_StayThere).open(address, timeout=FETCH_SECONDS) as response:
        while len(data) <= MOST_BYTES and (part := response.read1(65_536)):
            data += part
            if time.monotonic() > until:
                raise TimeoutError(f"reading took longer than {FETCH_SECONDS:g} s")
    return data


class KeySet:
    """The keys of one source, as they were last read."""

    def __init__(
        self, source: str, read: Callable[[str], bytes] = read, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._read = read
        self._clock = clock
        self._fresh = FRESH_ADDRESS if is_address(source) else FRESH_FILE
        self._again = min(AGAIN, self._fresh)
        self._keys: tuple[PublicKey, ...] = ()
        self._read_at = self._tried_at = float("-inf")
        self._reading = threading.Lock()

    def find(self, kid: str | None, algorithm: str) -> list[PublicKey]:
        """The keys that a token may mean. Raises ``keys_unavailable`` when there are none to look among."""
        if self._due(kid):
            self._renew_once(kid)
        found = [key for key in self._keys if key.algorithm == algorithm and _means(kid, key)]
        if self._clock() - self._read_at > STALE or (not found and self._reading.locked()):
            raise NotAllowed("keys_unavailable", "The keys for this token cannot be read now; try again later.")
        return found

    def _renew_once(self, kid: str | None) -> None:
        """Reads, unless another thread does. Only who has no key at all waits for that one."""
        wait = FETCH_SECONDS if not self._keys else 0.0
        if self._reading.acquire(blocking=wait > 0, timeout=wait or -1):
            try:
                if self._due(kid):
                    self._renew()
            finally:
                self._reading.release()

    def _due(self, kid: str | None) -> bool:
        since = self._clock() - self._tried_at
        failed = self._tried_at > self._read_at
        missing = kid is not None and not any(_means(kid, key) for key in self._keys)
        return since >= (self._again if failed or missing else self._fresh)

    def _renew(self) -> None:
        try:
            self._keys = parse(self._read(self._source))
            self._read_at = self._tried_at = self._clock()
        except (OSError, HTTPException, UnusableKeys, ImportError) as error:
            self._tried_at = self._clock()
            logger.error("keys_unavailable: JWKS %s cannot be used: %s", self._source, error)


def _means(kid: str | None, key: PublicKey) -> bool:
    return kid is None or key.kid is None or kid == key.kid


@lru_cache(maxsize=4)
def key_set(source: str) -> KeySet:
    """The one set of this source in this process."""
    return KeySet(source)
