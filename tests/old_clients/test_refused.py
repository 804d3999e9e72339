"""Who is not let in, and how each is told in the way it understands."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from websockets.exceptions import InvalidStatus

from emitter.policy.identity import create_token
from emitter.policy.users import key_of
from tests.processes import Daphne
from tests.streams import think

from .clients import OldClient, Page, Program, Terminal, visit
from .story import tell

pytestmark = pytest.mark.django_db(transaction=True)
FAILED = (1008, "Authentication failed")


@pytest.fixture
def cookie(alice: User, client: Browser) -> str:
    client.force_login(alice)
    return f"sessionid={client.cookies['sessionid'].value}"


async def refused(server: Daphne, offered: list[str], headers: Mapping[str, str], **query: str) -> int:
    """The status with which the handshake is refused."""
    with pytest.raises(InvalidStatus) as refusal:
        await OldClient(server).dial(offered, headers, **query)
    return int(refusal.value.response.status_code)


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "", "\U0001f40d"])
async def test_a_page_with_a_forged_token_is_let_in_to_be_told(daphne: Daphne, token: str) -> None:
    async with visit(Page(daphne, token=token)) as page:
        assert await page.closed() == FAILED
    assert page.frames == []


async def test_a_page_renews_its_token_and_is_let_in(daphne: Daphne, key: str) -> None:
    async with visit(Page(daphne, token=create_token(key, seconds=-1))) as page:
        assert await page.closed() == FAILED
        page._token = create_token(key, seconds=60)
        await page.come()
        await tell(key, 0)
        assert (await page.hear())["type"] == "agent_started"


async def test_a_token_that_ends_is_told_in_the_same_way(daphne: Daphne, key: str) -> None:
    async with visit(Page(daphne, token=create_token(key, seconds=1))) as page:
        assert await page.closed() == FAILED
    assert page.frames == []


async def test_a_terminal_tries_all_its_ways_and_gives_up(daphne: Daphne, key: str) -> None:
    terminal = Terminal(daphne, "nonsense")
    with pytest.raises(SystemExit):
        await terminal.come()
    assert terminal.way == {"headers": {"Authorization": "Bearer nonsense"}}


@pytest.mark.parametrize(
    "attempt",
    [
        {},
        {"headers": {"X-User-ID": "KEY", "X-E2E-Test": "true", "X-Forwarded-User": "KEY"}},
        {"headers": {"Authorization": "Bearer nonsense", "X-User-ID": "KEY"}},
        {"headers": {"Authorization": "Basic YWxpY2U6ZGVtbw=="}},
        {"user_id": "KEY"},
        {"token": ""},
        {"token": "nonsense", "env": "local"},
        {"offered": ["jwt.local.nonsense"]},
        {"offered": ["agent-events.v1", "ticket.nonsense"]},
    ],
    ids=str,
)
async def test_who_proves_nothing_gets_403(daphne: Daphne, key: str, attempt: dict[str, Any]) -> None:
    attempt = {"offered": [], "headers": {}, **attempt}
    attempt["headers"] = {name: value.replace("KEY", key) for name, value in attempt["headers"].items()}
    assert await refused(daphne, **attempt) == 403


async def test_a_cookie_needs_a_page_of_ours(daphne: Daphne, cookie: str) -> None:
    for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        assert await refused(daphne, [], {"Cookie": cookie, **headers}) == 403


async def test_a_foreign_page_that_offers_jwt_auth_is_told_in_its_way(daphne: Daphne, cookie: str) -> None:
    client = OldClient(daphne)
    await client.dial(["jwt-auth"], {"Cookie": cookie, "Origin": "https://evil.example"})
    assert await client.closed() == FAILED


async def test_a_program_needs_no_origin_and_its_claims_are_not_read(daphne: Daphne, key: str, bob: User) -> None:
    claims = {"X-User-ID": key_of(bob), "X-E2E-Test": "true"}
    async with visit(Program(daphne, create_token(key, seconds=60), **claims)) as program:
        await tell(key_of(bob), 0, run="bob's")
        await tell(key, 0)
        assert (await program.hear())["run_id"] == "run-1"


async def test_a_shape_that_there_is_not(daphne: Daphne, key: str) -> None:
    token = create_token(key, seconds=60)
    assert await refused(daphne, [], {"Authorization": f"Bearer {token}"}, shape="round") == 403
    async with visit(Page(daphne, token=token, shape="round")) as page:
        assert await page.closed() == (4400, "bad_request")


async def test_with_a_slash_and_without_and_nothing_else(daphne: Daphne, key: str) -> None:
    await think(key)
    headers = {"Authorization": f"Bearer {create_token(key, seconds=60)}"}
    client = OldClient(daphne)
    for path in ("/ws", "/ws/"):
        async with client.at(path, headers) as socket:
            assert "connection_established" in await socket.recv()
    with pytest.raises(InvalidStatus):
        async with client.at("/ws/other", headers):
            pass
