"""Right from wherever it is called: transactions, threads, forks, bridged and native event loops."""

import asyncio
import os
import threading
from collections.abc import Iterator

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth import get_user_model
from django.db import connections, transaction
from django.http import HttpResponse
from django.test import Client, TestCase
from django.urls import path
from uuid_utils.compat import uuid7

from emitter import log
from emitter.context import RunContext
from emitter.errors import TransactionError
from emitter.events import AgentThinking
from emitter.log.verify import faults_of
from emitter.models import Event
from emitter.service import emitter

from .conftest import Configure

THOUGHT = AgentThinking("Hm", 1)


def context(user, run: str = "r") -> RunContext:
    return RunContext(str(user.pk), run_id=run)


@pytest.fixture
def key(alice) -> str:
    return str(alice.pk)


class TestUnderTestCase(TestCase):
    """Nothing is committed, on_commit never runs, another connection sees nothing."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.user = get_user_model().objects.create_user("carol")

    def test_sync(self) -> None:
        assert emitter.emit(context(self.user), THOUGHT).seq == 1

    async def test_async(self) -> None:
        assert (await emitter.aemit(context(self.user), THOUGHT)).seq == 1
        assert await Event.objects.acount() == 1

    def test_bridged(self) -> None:
        assert async_to_sync(emitter.aemit)(context(self.user), THOUGHT).seq == 1

    def test_the_bell_is_captured_and_not_rung(self) -> None:
        with self.captureOnCommitCallbacks() as callbacks:
            emitter.emit(context(self.user), THOUGHT)
        assert len(callbacks) == 1


async def view(request) -> HttpResponse:
    receipt = await emitter.aemit(RunContext(request.GET["key"], run_id="r"), THOUGHT)
    return HttpResponse(receipt.seq)


def failing_view(request) -> HttpResponse:
    emitter.emit(RunContext(request.GET["key"], run_id="r"), THOUGHT)
    raise ZeroDivisionError


def sync_view(request) -> HttpResponse:
    return HttpResponse(emitter.emit(RunContext(request.GET["key"], run_id="r"), THOUGHT).seq)


urlpatterns = [path("async", view), path("sync", sync_view), path("fails", failing_view)]


@pytest.mark.django_db(transaction=True)
def test_under_atomic_requests(key, settings) -> None:
    settings.ROOT_URLCONF = __name__
    connections.settings["default"]["ATOMIC_REQUESTS"] = True
    try:
        client = Client(raise_request_exception=False)
        assert client.get("/fails", {"key": key}).status_code == 500
        assert client.get("/sync", {"key": key}).content == b"1"
    finally:
        connections.settings["default"]["ATOMIC_REQUESTS"] = False
    assert Event.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_async_view_under_the_test_client(key, settings) -> None:
    settings.ROOT_URLCONF = __name__
    assert Client().get("/async", {"key": key}).content == b"1"


@pytest.mark.django_db(transaction=True)
def test_from_a_forked_worker(alice) -> None:
    emitter.emit(context(alice), THOUGHT)
    async_to_sync(emitter.aemit)(context(alice), THOUGHT)
    connections.close_all()
    worker = os.fork()
    if worker == 0:
        status = 1
        try:
            emitter.emit(context(alice), THOUGHT)
            asyncio.run(emitter.aemit(context(alice), THOUGHT))
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(worker, 0)[1] == 0
    assert emitter.emit(context(alice), THOUGHT).seq == 5


@pytest.mark.django_db(transaction=True)
async def test_from_a_forked_worker_of_a_busy_loop(alice) -> None:
    """The parent's commit thread does not come along; the child starts anew."""
    await emitter.aemit(context(alice), THOUGHT)
    worker = os.fork()
    if worker == 0:
        status = 1
        try:
            asyncio._set_running_loop(None)
            asyncio.run(emitter.aemit(context(alice), THOUGHT))
            status = 0
        finally:
            os._exit(status)
    assert (await asyncio.to_thread(os.waitpid, worker, 0))[1] == 0
    assert (await emitter.aemit(context(alice), THOUGHT)).seq == 3


def test_forked_workers_mint_ids_of_their_own() -> None:
    uuid7()
    minted = []
    for _ in range(2):
        reader, writer = os.pipe()
        worker = os.fork()
        if worker == 0:
            os.write(writer, uuid7().bytes)
            os._exit(0)
        os.waitpid(worker, 0)
        minted.append(os.read(reader, 16))
        os.close(reader)
        os.close(writer)
    by_chance = [made[8:] for made in minted]
    assert by_chance[0] != by_chance[1]


@pytest.mark.django_db(transaction=True)
def test_from_async_to_sync_inside_the_callers_transaction(alice) -> None:
    with transaction.atomic():
        assert async_to_sync(emitter.aemit)(context(alice), THOUGHT).seq == 1
        transaction.set_rollback(True)
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
async def test_from_a_native_loop(alice, key) -> None:
    receipts = await asyncio.gather(*(emitter.aemit(context(alice), AgentThinking("t", n)) for n in range(50)))
    assert [receipt.seq for receipt in receipts] == list(range(1, 51))
    assert (await sync_to_async(faults_of)(key)).faults == []
    await sync_to_async(connections.close_all)()


@pytest.mark.django_db(transaction=True)
def test_from_ten_threads(alice, key) -> None:
    seqs: list[int | None] = []

    def work(number: int) -> None:
        seqs.extend(emitter.emit(context(alice, f"run-{number}"), THOUGHT).seq for _ in range(20))
        connections.close_all()

    threads = [threading.Thread(target=work, args=[number]) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seqs) == list(range(1, 201))
    assert faults_of(key).faults == []


@pytest.mark.django_db(transaction=True)
async def test_threads_and_loop_at_once(alice, key) -> None:
    def work() -> None:
        for _ in range(20):
            emitter.emit(context(alice), THOUGHT)
        connections.close_all()

    loop_side = [emitter.aemit(context(alice), THOUGHT) for _ in range(40)]
    await asyncio.gather(*(asyncio.to_thread(work) for _ in range(4)), *loop_side)
    assert [stored.seq for stored in await log.aread_after(key, 0)] == list(range(1, 121))


@pytest.mark.django_db
async def test_a_native_loop_cannot_see_into_a_tests_transaction(alice) -> None:
    with pytest.raises(TransactionError, match="transaction=True") as caught:
        await emitter.aemit(context(alice), THOUGHT)
    assert caught.value.code == "transaction_not_shared"


@pytest.fixture
def without_autocommit(monkeypatch: pytest.MonkeyPatch, configure: Configure) -> Iterator[None]:
    """As in a project whose settings have `AUTOCOMMIT: False`, where Django itself never commits.

    Nothing else writes meanwhile: SQLite refuses a write to whoever has read before another's.
    """
    configure(REFUSAL_ROWS=0)
    connections.close_all()
    monkeypatch.setitem(connections.settings["default"], "AUTOCOMMIT", False)
    yield
    connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_a_project_without_autocommit_is_told(alice, without_autocommit) -> None:
    with pytest.raises(TransactionError) as caught:
        emitter.emit(context(alice), THOUGHT)
    assert caught.value.code == "autocommit_off"
    with transaction.atomic():
        assert emitter.emit(context(alice), THOUGHT).seq == 1
    transaction.commit()


@pytest.mark.django_db(transaction=True)
async def test_a_project_without_autocommit_is_told_on_its_loop(alice, without_autocommit) -> None:
    with pytest.raises(TransactionError) as caught:
        await emitter.aemit(context(alice), THOUGHT)
    assert caught.value.code == "autocommit_off"
