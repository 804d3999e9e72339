"""Who is somebody else, or nobody: forged, expired and borrowed tokens, spent tickets, foreign pages."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client as Browser
from websockets.exceptions import InvalidStatus

from emitter.blocking import run
from emitter.models import ServiceKey
from emitter.policy import identity, service_keys, tickets
from emitter.policy.identity import create_token
from emitter.wire import SUBPROTOCOL

from ..keys import ED25519, RSA, jwks
from ..keys import entry as jwk_entry
from ..processes import Daphne
from ..servers import server_environment_now
from ..sockets import open_socket
from ..test_service_keys import issued
from ..test_tokens import hs256
from .doors import OPEN, at_all, at_http, at_socket

pytestmark = pytest.mark.django_db(transaction=True)

ISSUER = "https://accounts.example"


@pytest.fixture(scope="module")
def daphne(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Daphne]:
    """A server that also trusts the keys of another issuer."""
    folder = tmp_path_factory.mktemp("issuer")
    (folder / "keys.json").write_bytes(jwks(jwk_entry(RSA, kid="rsa"), jwk_entry(ED25519, kid="ed")))
    environment = {"DJANGO_SETTINGS_MODULE": "tests.strict_settings", "TEST_JWKS": str(folder / "keys.json")}
    with Daphne(folder / "daphne", server_environment_now() | environment) as server:
        yield server


def claims(key: str, **changes: Any) -> dict[str, Any]:
    return {"sub": key, "aud": "emitter", "iss": "emitter", "exp": int(time.time()) + 600, "emit": True, **changes}


def signed(key: str, secret: Any = settings.SECRET_KEY, algorithm: str = "HS256", **changes: Any) -> str:
    return jwt.encode(claims(key, **changes), secret, algorithm=algorithm)


async def test_sound_papers_open_the_doors(daphne: Daphne, key: str) -> None:
    assert OPEN in await at_all(daphne, create_token(key, seconds=60))
    assert OPEN in await at_all(daphne, signed(key, RSA, "RS256", iss=ISSUER))


async def test_forged_tokens_open_none(daphne: Daphne, key: str) -> None:
    header, body, mark = signed(key).split(".")
    none, other = jwt.encode(claims(key), "", algorithm="none"), jwt.encode(claims("1"), "x" * 32, algorithm="HS256")
    forged = [none, f"{none}{mark}", f"{header}.{body}.", f"{header}.{other.split('.')[1]}.{mark}", other]
    for token in (*forged, signed(key, RSA, "RS256"), signed(key, "x" * 64, "HS512")):
        assert await at_all(daphne, token) == {"not_authenticated"}


async def test_a_public_key_is_no_secret(daphne: Daphne, key: str) -> None:
    for form in (Encoding.PEM, Encoding.DER):
        public = RSA.public_key().public_bytes(form, PublicFormat.SubjectPublicKeyInfo)
        for issuer in ("emitter", ISSUER):
            forged = hs256(claims(key, iss=issuer), public, {"kid": "rsa"})
            assert await at_all(daphne, forged) == {"not_authenticated"}


@pytest.mark.parametrize("changes", [{"aud": "another"}, {"aud": []}, {"iss": ISSUER}, {"exp": 2**40}, {"nbf": 2**40}])
async def test_tokens_that_are_meant_otherwise_open_none(daphne: Daphne, key: str, changes: dict[str, Any]) -> None:
    assert await at_all(daphne, signed(key, **changes)) == {"not_authenticated"}


async def test_an_expired_token_opens_none(daphne: Daphne, key: str) -> None:
    assert await at_all(daphne, create_token(key, seconds=-1)) == {"token_expired"}


async def test_a_token_of_another_issuer_gives_itself_no_rights(daphne: Daphne, key: str) -> None:
    headers = {"Authorization": f"Bearer {signed(key, ED25519, 'EdDSA', iss=ISSUER)}"}
    assert await at_http(daphne, "POST", "/api/events/", headers=headers, json={}) == "forbidden"


async def test_of_a_hundred_who_replay_a_ticket_one_wins(daphne: Daphne, key: str) -> None:
    secret = await run(tickets.issue, key)
    answers = await asyncio.gather(*(at_socket(daphne, [f"ticket.{secret}"]) for _ in range(100)))
    assert Counter(answers) == {OPEN: 1, "not_authenticated": 99}


async def test_a_spent_ticket_opens_no_other_door(daphne: Daphne, key: str) -> None:
    secret = await run(tickets.issue, key)
    await run(identity.of_ticket, secret)
    assert await at_socket(daphne, ticket=secret) == "not_authenticated"
    assert await at_http(daphne, "GET", f"/api/events/stream/?ticket={secret}") == "not_authenticated"
    assert await at_http(daphne, "GET", f"/api/events/?ticket={await run(tickets.issue, key)}") == "not_authenticated"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_foreign_page_cannot_use_a_cookie(daphne: Daphne, alice: User, client: Browser, origin: str) -> None:
    await run(client.force_login, alice)
    cookie = f"sessionid={client.cookies['sessionid'].value}; csrftoken={'t' * 32}"
    with pytest.raises(InvalidStatus) as refused:
        await open_socket(daphne, [SUBPROTOCOL], {"Cookie": cookie, "Origin": origin})
    assert refused.value.response.status_code == 403
    headers = {"Cookie": cookie, "Origin": origin, "X-CSRFToken": "t" * 32}
    for path in ("/api/tickets/", "/api/runs/"):
        assert await at_http(daphne, "POST", path, headers=headers, json={"message": "x"}) == "forbidden"


async def test_a_page_of_ours_without_its_token_changes_nothing(daphne: Daphne, alice: User, client: Browser) -> None:
    await run(client.force_login, alice)
    headers = {"Cookie": f"sessionid={client.cookies['sessionid'].value}", "Origin": daphne.url}
    assert await at_http(daphne, "POST", "/api/tickets/", headers=headers) == "forbidden"


async def test_a_key_is_not_for_sockets_and_ends_when_it_is_revoked(daphne: Daphne, key: str) -> None:
    secret = await run(lambda: issued(may_emit=True, types=["agent_started"]))
    item = {"user": key, "run": "r", "type": "agent_thinking"}
    headers = {"Authorization": f"Bearer {secret}"}
    assert await at_socket(daphne, [f"bearer.{secret}"]) == "not_authenticated"
    assert await at_http(daphne, "GET", "/api/events/stream/", headers=headers) == "key_scope"
    assert await at_http(daphne, "POST", "/api/events/", headers=headers, json=item) == "key_scope"
    await run(lambda: service_keys.revoke([ServiceKey.objects.get().id]))
    assert await at_http(daphne, "POST", "/api/events/", headers=headers, json=item) == "key_revoked"
