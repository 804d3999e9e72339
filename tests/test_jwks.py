"""The keys of another issuer: what is taken from a source, and when it is read."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from jwt.algorithms import RSAAlgorithm

from emitter.errors import NotAllowed
from emitter.policy import jwks
from emitter.policy.jwks import AGAIN, FRESH_ADDRESS, MOST_BYTES, STALE, KeySet, UnusableKeys, parse, read

from . import keys
from .keys import ED25519, RSA, SMALL_RSA, entry

ADDRESS = "https://accounts.example/keys"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Source:
    """What an address gives, and how often it was asked."""

    def __init__(self, *names: str) -> None:
        self.asked = 0
        self.fault: Exception | None = None
        self.publish(*names)

    def publish(self, *names: str) -> None:
        self.data = keys.jwks(*(entry(ED25519, kid=name) for name in names))

    def __call__(self, _: str) -> bytes:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return self.data


def names(found: list[jwks.PublicKey]) -> list[str | None]:
    return [key.kid for key in found]


# What is taken --------------------------------------------------------------------------------------------------------


def test_each_key_has_the_one_algorithm_that_it_is_for() -> None:
    found = parse(keys.jwks(entry(RSA, kid="a"), entry(ED25519, kid="b"), entry(RSA, kid="c", alg="RS256")))
    assert [(key.kid, key.algorithm) for key in found] == [("a", "RS256"), ("b", "EdDSA"), ("c", "RS256")]


@pytest.mark.parametrize(
    "other",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "x"},
        {"kty": "EC", "crv": "P-256", "kid": "x"},
        entry(RSA, use="enc"),
        entry(RSA, alg="HS256"),
        entry(RSA, alg="PS256"),
        entry(RSA, alg=7),
        entry(RSA, kid=7),
        {**entry(RSA), "n": "!"},
        {**entry(ED25519), "x": "AA"},
        {**entry(ED25519), "d": "AA"},
        json.loads(RSAAlgorithm.to_jwk(RSA)),
        entry(SMALL_RSA),
        "text",
        None,
    ],
    ids=lambda other: json.dumps(other)[:40],
)
def test_whatever_is_no_usable_public_key_is_passed_over(other: Any) -> None:
    assert names(list(parse(keys.jwks(other, entry(ED25519, kid="good"))))) == ["good"]
    with pytest.raises(UnusableKeys):
        parse(keys.jwks(other))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"nonsense", b'{"keys":7}', b"\xff", b"[" * 100_000])
def test_what_is_no_set_of_keys_is_refused(data: bytes) -> None:
    with pytest.raises(UnusableKeys):
        parse(data)


@pytest.mark.parametrize("data", [keys.private_pem(RSA), keys.pem(RSA) + keys.private_pem(ED25519)])
def test_a_private_key_is_refused_with_a_warning(data: bytes) -> None:
    with pytest.raises(UnusableKeys, match="private key"):
        parse(data)


def test_a_broken_pem_is_refused() -> None:
    with pytest.raises(UnusableKeys):
        parse(keys.pem(RSA).replace(b"A", b"B"))


# When it is read ------------------------------------------------------------------------------------------------------


def test_keys_are_read_once_and_again_after_a_while() -> None:
    clock, source = Clock(), Source("a")
    key_set = KeySet(ADDRESS, source, clock)
    for clock.now in (0.0, 1.0, FRESH_ADDRESS - 1):
        assert names(key_set.find("a", "EdDSA")) == ["a"]
    assert source.asked == 1
    clock.now = FRESH_ADDRESS
    source.publish("b")
    assert names(key_set.find("a", "EdDSA")) == []
    assert source.asked == 2


def test_a_new_key_is_found_soon_and_strangers_cause_few_reads() -> None:
    clock, source = Clock(), Source("a")
    key_set = KeySet(ADDRESS, source, clock)
    assert [key_set.find(f"stranger {number}", "EdDSA") for number in range(100)] == [[]] * 100
    assert source.asked == 1
    source.publish("a", "new")
    clock.now = AGAIN
    assert names(key_set.find("new", "EdDSA")) == ["new"]
    assert source.asked == 2


def test_keys_that_were_read_outlive_their_source_for_a_day() -> None:
    clock, source = Clock(), Source("a")
    key_set = KeySet(ADDRESS, source, clock)
    key_set.find("a", "EdDSA")
    source.fault = OSError("away")
    for clock.now in (FRESH_ADDRESS, STALE):
        assert names(key_set.find("a", "EdDSA")) == ["a"]
    clock.now = STALE + 1
    with pytest.raises(NotAllowed, match="keys_unavailable"):
        key_set.find("a", "EdDSA")


def test_a_source_that_fails_is_not_asked_for_every_token() -> None:
    clock, source = Clock(), Source("a")
    source.fault = OSError("away")
    key_set = KeySet(ADDRESS, source, clock)
    for _ in range(10):
        with pytest.raises(NotAllowed, match="keys_unavailable"):
            key_set.find("a", "EdDSA")
    assert source.asked == 1
    source.fault, clock.now = None, AGAIN
    assert names(key_set.find("a", "EdDSA")) == ["a"]


def test_while_one_reads_the_others_go_on() -> None:
    clock, source, going_on = Clock(), Source("a"), threading.Event()

    def slow(address: str) -> bytes:
        if source.asked:
            going_on.wait(60)
        return source(address)

    key_set = KeySet(ADDRESS, slow, clock)
    key_set.find("a", "EdDSA")
    source.publish("a", "b")
    clock.now = FRESH_ADDRESS
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(key_set.find, "b", "EdDSA")
        while not key_set._reading.locked():
            sleep(0.001)
        assert names(key_set.find("a", "EdDSA")) == ["a"]
        with pytest.raises(NotAllowed, match="keys_unavailable"):
            key_set.find("b", "EdDSA")
        going_on.set()
        assert names(reading.result()) == ["b"]


# Where it is read -----------------------------------------------------------------------------------------------------


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], str]]:
    """Serves bytes on this machine: ``serve(data)`` gives the address; a text redirects there."""
    monkeypatch.setattr(jwks, "FETCH_SECONDS", 60)
    servers: list[ThreadingHTTPServer] = []

    def serve(data: bytes | str) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if isinstance(data, bytes) else 302)
                if isinstance(data, str):
                    self.send_header("Location", data)
                self.end_headers()
                self.wfile.write(data if isinstance(data, bytes) else b"")

            def log_message(self, *_: Any) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/keys"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_address_is_read(serve: Callable[[bytes], str]) -> None:
    data = keys.jwk(RSA)
    assert read(serve(data)) == data


def test_a_redirect_is_not_followed(serve: Callable[[Any], str]) -> None:
    with pytest.raises(OSError, match="302"):
        read(serve(serve(keys.jwk(RSA))))


def test_what_is_too_large_is_refused(serve: Callable[[bytes], str], tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"x" * (MOST_BYTES + 1))
    for source in (serve(b"x" * (MOST_BYTES + 1)), str(tmp_path / "keys")):
        with pytest.raises(UnusableKeys, match="larger"):
            read(source)


@pytest.mark.parametrize("address", ["http://accounts.example/keys", "ftp://accounts.example/", "file:///etc/passwd"])
def test_an_address_without_tls_is_not_asked(address: str) -> None:
    with pytest.raises(UnusableKeys, match="https"):
        read(address)
