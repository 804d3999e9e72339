"""Refusals: counted once, kept for the admin, bounded, and never with what they refused."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from emitter import blocking, metrics
from emitter.context import RunContext
from emitter.errors import CODES, EmitterError, EventRefused
from emitter.events import AgentThinking, Custom
from emitter.log import spool
from emitter.log.entry import Unit
from emitter.models import Refusal
from emitter.policy import refusals
from emitter.policy.identity import create_token
from emitter.policy.refusals import BURST, QUEUE, About, Keeper
from emitter.policy.users import key_of
from emitter.service import Item, emitter, upkeep
from emitter.service.intake import read_texts
from emitter.service.prepare import prepare
from emitter.wire import SUBPROTOCOL

from .commands import Process
from .conftest import Configure
from .processes import Daphne
from .sockets import Client as Listener
from .sockets import converse, open_socket

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "hunter2hunter2"


@pytest.fixture(autouse=True)
def fresh() -> None:
    """Nothing of earlier tests waits or is counted."""
    rows()
    refusals.keeper._reset()
    Refusal.objects.all().delete()


def rows(**filters: Any) -> list[Refusal]:
    """What is kept, once all that waits is written."""
    blocking.pool("refusals", 1).submit(lambda: None).result(60)
    return list(Refusal.objects.filter(**filters).order_by("pk"))


def refused(call: Any, *args: Any) -> str:
    with pytest.raises(EmitterError) as caught:
        call(*args)
    return caught.value.code


def test_a_refusal_before_the_log_tells_what_it_was(key) -> None:
    context = RunContext(key, run_id="run-19", agent_name="analyst")
    assert refused(emitter.emit, context, Custom("mine", {"a": float("nan")})) == "payload_not_finite"
    (row,) = rows()
    assert (row.code, row.stream, row.run, row.type) == ("payload_not_finite", key, "run-19", "mine")
    assert (row.agent, row.source, row.left_out) == ("analyst", "emitter", 0)


def test_a_refusal_by_the_log_tells_which_of_the_batch_it_was(key, bob) -> None:
    emitter.emit(RunContext(key, run_id="run-19"), AgentThinking("Hm"))
    items = [(RunContext(str(bob.pk), run_id=run), AgentThinking("Ah")) for run in ("run-20", "run-19")]
    assert refused(emitter.emit_many, items) == "run_owned"
    assert [(row.stream, row.run) for row in rows(code="run_owned")] == [(str(bob.pk), "run-19")]


def test_it_is_counted_once_however_many_hands_it_goes_through(key) -> None:
    before = metrics.value("emitter_refused_total", code="unknown_type")
    emitter.emit_each(read_texts([b'{"user": "%s", "run": "r-1", "type": "mine"}' % key.encode()]))
    assert metrics.value("emitter_refused_total", code="unknown_type") == before + 1
    assert [(row.stream, row.run, row.type) for row in rows()] == [(key, "r-1", "mine")]


def test_it_stays_when_the_callers_transaction_is_rolled_back(key) -> None:
    with pytest.raises(EventRefused), transaction.atomic():
        emitter.emit(RunContext("999999", run_id="run-19"), AgentThinking("Hm"))
    assert [row.code for row in rows()] == ["unknown_user"]


async def test_an_async_caller_is_told_and_kept_too(key) -> None:
    with pytest.raises(EventRefused):
        await emitter.aemit(RunContext("999999", run_id="run-19"), AgentThinking("Hm"))
    assert [row.stream for row in await blocking.run(rows)] == ["999999"]


def test_http_and_commands_say_which_way_it_came(key, client: Client) -> None:
    item = {"user": key, "run": "run-19", "type": "mine"}
    headers = {"Authorization": f"Bearer {create_token(key, seconds=60, emit=True)}"}
    assert client.post("/api/events/", item, "application/json", headers=headers).status_code == 422
    assert client.post("/api/events/", item, "application/json").status_code == 401
    assert [(row.code, row.source) for row in rows()] == [("unknown_type", "http"), ("not_authenticated", "http")]


def test_a_command_writes_its_row_before_it_ends(key, server_environment) -> None:
    with Process(server_environment, "emit", "--user", "alice", "--run", "run-19", "--type", "mine") as command:
        assert command.process.wait(60) == 1
    assert [(row.code, row.source, row.stream) for row in rows()] == [("unknown_type", "command", key)]


def test_what_the_spool_sets_aside_is_kept(key, tmp_path, configure: Configure) -> None:
    emitter.emit(RunContext(key, run_id="run-19"), AgentThinking("Hm"))
    configure(SPOOL_FOLDER=str(tmp_path))
    own = spool.create(tmp_path, 10)
    own.put([Unit([prepare(Item(RunContext("999999", run_id="run-20"), AgentThinking("Ah")))])])
    emitter.spool._drain_some(own, own.first(1))
    own.close()
    assert [(row.code, row.source, row.run) for row in rows()] == [("unknown_user", "spool", "run-20")]


def test_no_payload_and_no_secret_is_kept(key) -> None:
    payload = {"status": SECRET, "password": SECRET}
    refused(emitter.emit, RunContext(key, run_id="run-19"), Custom("agent_completed", payload))
    refusals.note(EmitterError("bad_request", f"password={SECRET} in /home/alice/x.py " + "x" * 9_000))
    refusals.note(EmitterError("database_error", f"Failing row contains ({SECRET})."))
    kept = rows()
    assert SECRET not in str([vars(row) for row in kept])
    assert kept[1].detail.startswith("password=[REDACTED] in [PATH]/x.py xxx")
    assert (len(kept[1].detail), kept[2].detail) == (500, CODES["database_error"].meaning)


def test_names_that_cannot_be_stored_are_kept_as_far_as_they_can(db) -> None:
    refusals.note(EventRefused("bad_id", "No."), About("a\x00b", "\ud800", "x" * 999))
    (row,) = rows()
    assert (row.stream, row.run, len(row.type)) == ("a�b", "�", 200)


def test_a_flood_of_one_code_leaves_room_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for _ in range(BURST + 70):
        refusals.note(EmitterError("bad_frame", "No."))
    refusals.note(EmitterError("bad_request", "No."))
    assert len(rows(code="bad_frame")) == BURST
    assert len(rows(code="bad_request")) == 1


def test_the_next_row_says_how_many_were_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for _ in range(BURST + 7):
        refusals.note(EmitterError("bad_frame", "No."))
    monkeypatch.setattr(time, "monotonic", lambda: now + 3)
    refusals.note(EmitterError("bad_frame", "No."))
    assert [row.left_out for row in rows()] == [*[0] * BURST, 7]


def test_the_queue_is_bounded_and_waits_for_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Keeper()
    monkeypatch.setattr(keeper, "_write_soon", lambda: None)
    for number in range(QUEUE + 50):
        keeper.keep(Refusal(at=timezone.now(), code=f"code{number}", source="emitter", detail=""))
    with broken_table():
        keeper.write()
    assert len(keeper._waiting) == QUEUE
    keeper.write()
    assert Refusal.objects.count() == QUEUE


@contextmanager
def broken_table() -> Iterator[None]:
    """Nothing can be written meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE emitter_refusal RENAME TO elsewhere")
        yield
        cursor.execute("ALTER TABLE elsewhere RENAME TO emitter_refusal")


def test_the_table_keeps_its_newest_rows(configure: Configure) -> None:
    configure(REFUSAL_ROWS=3)
    for number in range(9):
        refusals.note(EmitterError("bad_frame", str(number)))
        rows()
    assert [row.detail for row in rows()] == ["6", "7", "8"]


def test_none_is_kept_where_none_is_wanted(configure: Configure) -> None:
    configure(REFUSAL_ROWS=0)
    refusals.note(EmitterError("bad_frame", "No."))
    assert rows() == []


def test_what_is_older_than_the_retention_goes(configure: Configure) -> None:
    refusals.note(EmitterError("bad_frame", "No."))
    assert (len(rows()), refusals.prune()) == (1, 0)
    Refusal.objects.update(at=timezone.now() - timedelta(days=31))
    assert (refusals.prune(), rows()) == (1, [])


def test_with_a_user_go_the_refusals(alice: User) -> None:
    refused(emitter.emit, RunContext(key_of(alice), run_id="run-19"), Custom("gap", {}))
    emitter.emit(RunContext(key_of(alice), run_id="run-19"), AgentThinking("Hm"))
    assert len(rows()) == 1
    list(upkeep.erase(key_of(alice)))
    assert rows() == []


def test_the_admin_shows_them_and_changes_none(alice, admin_client: Client) -> None:
    refused(emitter.emit, RunContext(key_of(alice), run_id="run-19"), Custom("gap", {}))
    refusals.note(EmitterError("bad_frame", "<script>alert(1)</script>"))
    (row, _) = rows()
    page = "/admin/emitter/refusal/"
    assert "&lt;script&gt;" in admin_client.get(page).content.decode()
    for query in ("user=alice", "run=run-19", "code=unknown_type"):
        assert [found.pk for found in admin_client.get(f"{page}?{query}").context["cl"].result_list] == [row.pk]
    assert admin_client.post(f"{page}{row.pk}/delete/").status_code == 403


async def test_so_is_what_a_client_says_amiss(key: str) -> None:
    async with converse(key) as client:
        await client.send("dance")
        await client.send("ack", seq=7)
        await client.expect("error")
        await client.expect("error")
    kept = await blocking.run(rows)
    assert [(row.code, row.stream, row.source) for row in kept] == [
        ("unknown_frame", key, "client"),
        ("bad_ack", key, "client"),
    ]


async def test_and_who_knocks_without_being_known(daphne: Daphne, key: str) -> None:
    async with open_socket(daphne, [SUBPROTOCOL, "bearer.forged"]) as socket:
        await Listener(socket).closed()
    await becomes_row("not_authenticated")


async def becomes_row(code: str) -> None:
    """Waits for the server's process to have written it."""
    async with asyncio.timeout(60):
        while not await Refusal.objects.filter(code=code, source="client").aexists():
            await asyncio.sleep(0.02)
