"""Tickets and tokens appear in no log, no error page and no error mail."""

import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core import mail
from django.core.handlers.asgi import ASGIHandler
from django.test import RequestFactory
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter

from emitter import secrecy
from emitter.blocking import run
from emitter.policy import identity, tickets
from emitter.policy.identity import create_token
from emitter.secrecy import LOGGERS, HideSecrets, conceal, mask, query_of
from emitter.wire import SUBPROTOCOL

from .processes import Daphne
from .sockets import Client, bearer, open_socket, requests

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"
STREAM = "/api/events/stream/"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /ws/events/?ticket=abc HTTP/1.1", "GET /ws/events/?ticket=hidden HTTP/1.1"),
        ("/ws?env=x&token=abc&after=1", "/ws?env=x&token=hidden&after=1"),
        (f"Bearer {TOKEN}", "Bearer hidden"),
        ("key nek_1234abcd_secret was", "key hidden was"),
        ("GET /api/events/?after=7&limit=3", "GET /api/events/?after=7&limit=3"),
        ("a ticket=7 in a sentence", "a ticket=7 in a sentence"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, shown: str) -> None:
    assert mask(text) == shown


@pytest.mark.parametrize("query", [b"after=1&ticket=abc", b"after=1&%74icket=a%62c", b"after=1&ticket=x&ticket=abc"])
def test_a_ticket_leaves_the_address(query: bytes) -> None:
    scope: dict[str, Any] = {"path": f"/events{STREAM}", "query_string": query}
    conceal(scope)
    assert b"abc" not in scope["query_string"]
    assert scope["query_string"].startswith(b"after=1&ticket=hidden")
    assert query_of(scope) == query


def test_the_addresses_of_others_are_left_alone() -> None:
    scope: dict[str, Any] = {"path": "/theirs/", "query_string": b"ticket=abc"}
    conceal(scope)
    assert scope == {"path": "/theirs/", "query_string": b"ticket=abc"}


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("GET /?ticket=abc", ()),
        ('"%s" %s', ("GET /?ticket=abc", 200)),
        ("%(method)s %(path)s", ({"method": "GET", "path": "/?ticket=abc"},)),
    ],
)
def test_log_records_are_masked(message: str, arguments: tuple[Any, ...]) -> None:
    out = StringIO()
    logger = logging.Logger("elsewhere")
    logger.addHandler(logging.StreamHandler(out))
    logger.addFilter(HideSecrets())
    logger.info(message, *arguments)
    assert "/?ticket=hidden" in out.getvalue()


def test_the_loggers_of_servers_have_the_filter_once() -> None:
    secrecy.install()
    for name in LOGGERS:
        assert [type(one) for one in logging.getLogger(name).filters].count(HideSecrets) == 1


@pytest.mark.django_db(transaction=True)
async def test_a_server_writes_none_of_them(live_server_process: Daphne, key: str) -> None:
    secrets = [await run(tickets.issue, key) for _ in range(3)]
    token = create_token(key, seconds=3_600)
    async with requests(live_server_process) as http:
        async with http.stream("GET", f"{STREAM}?ticket={secrets[0]}") as opened:
            assert opened.status_code == 200
        for path in (f"{STREAM}?ticket={secrets[0]}", f"/?ticket={secrets[1]}", f"/nowhere/?token={token}"):
            await http.get(path)
        await http.get("/api/events/", headers={"Authorization": f"Bearer {token}"})
    async with open_socket(live_server_process, [SUBPROTOCOL], ticket=secrets[2]) as socket:
        await Client(socket).expect("hello")
    async with open_socket(live_server_process, bearer(key)) as socket:
        await Client(socket).expect("hello")
    live_server_process.stop()
    written = live_server_process.log.read_text()
    assert f"{STREAM}?ticket=hidden" in written
    assert [secret for secret in (*secrets, token) if secret in written] == []


@pytest.fixture
def mails(settings: Any) -> Iterator[list[mail.EmailMessage]]:
    """The mails that Django sends about errors."""
    settings.DEBUG = False
    settings.ADMINS = [("root", "root@desk.example")]
    logging.getLogger("django.request").addHandler(handler := AdminEmailHandler(include_html=True))
    yield mail.outbox
    logging.getLogger("django.request").removeHandler(handler)


@pytest.mark.django_db(transaction=True)
async def test_an_error_mail_shows_none_of_them(
    key: str, mails: list[mail.EmailMultiAlternatives], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = await run(tickets.issue, key)
    monkeypatch.setattr(identity.tickets, "_hash", lambda _: 1 / 0)
    assert (await ask(f"{STREAM}?ticket={secret}"))["status"] == 500
    message = next(message for message in mails if message.alternatives)
    assert "ZeroDivisionError" in str(message.alternatives)
    assert secret not in message.body + str(message.alternatives)


async def ask(address: str) -> dict[str, Any]:
    """Asks the example project as a server would, behind what hides secrets."""
    path, _, query = address.partition("?")
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode()}
    scope |= {"headers": [(b"host", b"testserver")]}
    conceal(scope)
    communicator = ApplicationCommunicator(ASGIHandler(), scope)  # type: ignore[no-untyped-call]
    await communicator.send_input({"type": "http.request", "body": b""})  # type: ignore[no-untyped-call]
    return await communicator.receive_output(10)  # type: ignore[no-untyped-call,no-any-return]


def test_the_headers_of_a_request_are_hidden_by_django() -> None:
    request = RequestFactory().get("/", headers={"Authorization": f"Bearer {TOKEN}", "Cookie": "sessionid=s3cr3t"})
    page = ExceptionReporter(request, ValueError, ValueError("x"), None).get_traceback_html()
    assert TOKEN not in page
    assert "s3cr3t" not in page
