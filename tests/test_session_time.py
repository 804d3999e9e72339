"""What happens to a session when time passes: pings, and the end of its token."""

import time
from dataclasses import replace

import pytest
from django.contrib.auth.models import User

from emitter.policy.identity import Identity
from emitter.policy.users import key_of

from .sockets import Conversation, converse
from .streams import think

pytestmark = pytest.mark.django_db(transaction=True)


async def test_an_idle_socket_is_pinged(key: str) -> None:
    async with converse(key) as client:
        client.session.tick(time.monotonic() + 24)
        client.session.tick(time.monotonic() + 26)
        assert await client.receive() == {"type": "ping"}
        await client.send("pong")
        await think(key)
        assert await client.until(1) == [1]


async def test_a_socket_with_news_is_not_pinged(key: str) -> None:
    async with converse(key) as client:
        later = time.monotonic() + 24.9
        await think(key)
        await client.until(1)
        client.session.tick(later)
        await think(key)
        await client.until(2)
    assert "ping" not in client.types


async def test_a_client_is_warned_once_before_its_token_ends(key: str) -> None:
    who = expiring(key, 29)
    async with converse(who) as client:
        client.session.tick(0)
        client.session.tick(0)
        warning = await client.receive()
        assert warning["type"] == "expiring"
        assert who.expires_at - time.time() - 1 < warning["in"] <= 28
        await think(key)
        await client.until(1)
    assert client.types.count("expiring") == 1


async def test_a_token_with_time_left_is_no_matter(key: str) -> None:
    async with converse(expiring(key, 60)) as client:
        client.session.tick(0)
        await think(key)
        await client.until(1)
    assert client.types == ["hello", "agent_thinking"]


async def test_a_session_ends_with_its_token(key: str) -> None:
    async with converse(expiring(key, 3_600)) as client:
        end(client)
        client.session.tick(0)
        assert await client.closed() == 4401


async def test_a_renewed_token_goes_on(key: str) -> None:
    async with converse(expiring(key, 29)) as client:
        client.session.tick(0)
        client.session.renewed(expiring(key, 3_600))
        client.session.tick(0)
        await think(key)
        assert await client.until(1) == [1]
    assert client.types == ["hello", "expiring", "agent_thinking"]


async def test_a_token_of_somebody_else_renews_nothing(key: str, bob: User) -> None:
    async with converse(expiring(key, 1_800)) as client:
        client.session.renewed(expiring(key_of(bob), 3_600))
        assert (await client.receive())["code"] == "forbidden"
        assert client.session.identity.key == key
        end(client)
        client.session.tick(0)
        assert await client.closed() == 4401


def end(client: Conversation) -> None:
    """The client's token ends now."""
    client.session.identity = replace(client.session.identity, expires_at=time.time())


def expiring(key: str, seconds: float) -> Identity:
    return Identity(key, expires_at=time.time() + seconds)
