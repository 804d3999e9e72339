"""Signing out, deactivating and a new password end what is open, in every process, within five seconds."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from emitter.blocking import run
from emitter.conf import conf
from emitter.delivery import reception_here
from emitter.policy import tickets
from emitter.policy.identity import Standing, create_token, of_user
from emitter.wire import SUBPROTOCOL

from .processes import Daphne
from .servers import server_environment_now
from .sockets import PATIENCE, Client, connect, converse, open_socket, requests

pytestmark = pytest.mark.django_db(transaction=True)

WITHIN = 5.0


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Daphne]:
    """Another process beside the one of ``daphne``."""
    with Daphne(tmp_path_factory.mktemp("other"), server_environment_now()) as server:
        yield server


async def opened(stack: AsyncExitStack, server: Daphne, *offered: str, **headers: str) -> Client:
    client = Client(await stack.enter_async_context(open_socket(server, [SUBPROTOCOL, *offered], headers)))
    await client.expect("hello")
    return client


async def listening(stack: AsyncExitStack, server: Daphne, **headers: str) -> AsyncIterator[str]:
    """The lines of an event stream that has begun."""
    http = await stack.enter_async_context(requests(server, headers=headers))
    response = await stack.enter_async_context(http.stream("GET", "/api/events/stream/"))
    lines = response.aiter_lines()
    while not (await anext(lines)).startswith("event: hello"):
        pass
    return lines


async def last_words(lines: AsyncIterator[str]) -> tuple[str, int]:
    """Why an event stream ends, and with what code."""
    said = [msgspec.json.decode(line[6:]) async for line in lines if line.startswith("data: ")]
    return said[-1]["reason"], said[-1]["code"]


async def test_signing_out_ends_all_of_that_session_in_every_process(
    daphne: Daphne, other: Daphne, alice: User, client: Browser
) -> None:
    elsewhere = Browser()
    for browser in (client, elsewhere):
        await run(browser.force_login, alice)
    cookie, kept = (f"sessionid={browser.cookies['sessionid'].value}" for browser in (client, elsewhere))
    who = await run(of_user, alice, client.cookies["sessionid"].value)
    secret = await run(lambda: tickets.issue(who.key, session=who.standing.session))
    async with AsyncExitStack() as stack:
        here = await opened(stack, daphne, Cookie=cookie, Origin=daphne.url)
        there = await opened(stack, other, Cookie=cookie, Origin=other.url)
        by_ticket = await opened(stack, other, f"ticket.{secret}")
        stays = await opened(stack, daphne, Cookie=kept, Origin=daphne.url)
        stream = await listening(stack, other, Cookie=cookie)
        await run(client.logout)
        async with asyncio.timeout(PATIENCE):
            assert [await socket.closed() for socket in (here, there, by_ticket)] == [4401] * 3
            assert await last_words(stream) == ("signed_out", 4401)
        assert [socket.reason for socket in (here, there, by_ticket)] == ["signed_out"] * 3
        await stays.send("pong")
        assert stays.types == ["hello"]


@pytest.mark.parametrize(
    "change",
    [
        lambda: User.objects.update(is_active=False),
        lambda: User.objects.update(password="another"),
        lambda: User.objects.all().delete(),
    ],
    ids=["deactivated", "password", "deleted"],
)
async def test_a_change_of_the_user_ends_tokens_in_every_process(
    daphne: Daphne, other: Daphne, key: str, change: Callable[[], Any]
) -> None:
    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(connect(server, key)) for server in (daphne, other)]
        stream = await listening(stack, other, Authorization=f"Bearer {create_token(key, seconds=3_600)}")
        await run(change)
        async with asyncio.timeout(PATIENCE):
            assert [await here.closed(), await there.closed()] == [4401, 4401]
            assert await last_words(stream) == ("signed_out", 4401)


def test_two_looks_are_made_within_what_is_promised() -> None:
    assert 2 * conf.review_seconds < WITHIN


async def test_one_look_is_for_all_sessions(alice: User, bob: User) -> None:
    async with converse(await run(of_user, alice)) as first, converse(await run(of_user, bob)) as second:
        await run(User.objects.filter(pk=bob.pk).update, is_active=False)
        await reception_here().review()
        assert await second.closed() == 4401
        assert first.types == ["hello"]


async def test_a_newer_token_counts_even_if_the_look_began_before(alice: User, configure: Any) -> None:
    configure(REVIEW_SECONDS=3_600)
    who = await run(of_user, alice)
    async with converse(replace(who, standing=Standing("of an older password"))) as client:
        asked = client.session.identity
        client.session.renewed(who)
        client.session.stands(asked, None)
        await reception_here().review()
        assert client.session.identity == who
        assert client.types == ["hello"]


async def test_a_session_knows_that_its_user_is_no_longer_staff(alice: User) -> None:
    await run(User.objects.update, is_staff=True)
    who = await run(lambda: of_user(User.objects.get()))
    async with converse(who) as client:
        await run(User.objects.update, is_staff=False)
        await reception_here().review()
        assert (who.is_staff, client.session.identity.is_staff) == (True, False)


async def test_the_looks_go_on_by_themselves(alice: User, configure: Any) -> None:
    configure(REVIEW_SECONDS=0.02)
    async with converse(await run(of_user, alice)) as client:
        await run(lambda: User.objects.update(password="another"))
        assert await client.closed() == 4401
