"""While the database is away: events wait in a durable spool, keep their order and are stored once."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from emitter import log, metrics
from emitter.context import RunContext
from emitter.errors import EmitterUnavailable
from emitter.events import AgentStarted, AgentThinking
from emitter.log import spool
from emitter.log.entry import Unit
from emitter.log.verify import faults_of
from emitter.service import Item, emitter
from emitter.service.prepare import prepare

from .conftest import Configure
from .contention import held, lock_everything
from .processes import PostgreSQL

#: Seconds within which an emit has tried in vain at least once. It waits so long, so this is not much.
TRIED = 4.0


@pytest.fixture
def folder(tmp_path: Path, configure: Configure) -> Path:
    """The spools of this test, and an emitter that has patience."""
    path = tmp_path / "spool"
    configure(SPOOL_FOLDER=str(path), EMIT_DEADLINE=60)
    return path


def unit(key: str, number: int, run: str = "r") -> Unit:
    return Unit([prepare(Item(RunContext(key, run_id=run), AgentThinking("t", number)))])


def numbers(key: str) -> list[int]:
    """The step numbers of a stream's events, in order of the stream."""
    import msgspec

    return [msgspec.json.decode(stored.body)["payload"]["step_number"] for stored in log.read_after(key, 0)]


def test_units_leave_in_the_order_in_which_they_came(folder) -> None:
    own = spool.create(folder, 100)
    own.put([unit("a", 1), unit("b", 2)])
    own.put([unit("a", 3)])
    assert (own.depth, own.holds({"a"}), own.holds({"c"})) == (3, True, False)
    first = own.first(2)
    own.settle(first, [])
    assert [waiting.unit.entries[0].stream for waiting in own.first(9)] == ["a"]
    assert not own.holds({"b"})
    own.close()


def test_an_entry_comes_back_as_it_was(folder) -> None:
    own = spool.create(folder, 100)
    put = unit("a", 1)
    own.put([put])
    (waiting,) = own.first(1)
    assert waiting.unit.entries == put.entries
    assert waiting.unit.retried
    own.close()


def test_it_is_bounded(folder) -> None:
    own = spool.create(folder, 2)
    own.put([unit("a", 1)])
    with pytest.raises(EmitterUnavailable) as caught:
        own.put([unit("a", 2), unit("a", 3)])
    assert (caught.value.code, own.depth) == ("spool_full", 1)
    own.close()


def test_a_full_disk_is_a_named_error_and_stores_nothing(folder) -> None:
    own = spool.create(folder, 1_000)
    own.put([unit("a", 1)])
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, limit[1]))
    try:
        with pytest.raises(EmitterUnavailable) as caught:
            own.put([unit("a", number) for number in range(900)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, previous)
    assert (caught.value.code, own.depth) == ("spool_failed", 1)
    own.put([unit("a", 2)])
    assert len(own.first(9)) == 2


def test_an_empty_one_leaves_no_file(folder) -> None:
    own = spool.create(folder, 100)
    own.close()
    assert list(folder.iterdir()) == []


def test_the_spool_of_a_killed_process_is_adopted_by_one(folder) -> None:
    with process_that_spooled(folder, "a", 1, 2):
        assert spool.adopt(folder, (), 100) == []
    (adopted,) = spool.adopt(folder, (), 100)
    assert adopted.depth == 2
    assert spool.adopt(folder, {adopted.path}, 100) == []
    adopted.close()


def test_what_waits_for_one_database_waits_apart(folder, monkeypatch) -> None:
    one = emitter.spool.folder()
    monkeypatch.setitem(connection.settings_dict, "NAME", "another")
    other = emitter.spool.folder()
    assert one != other
    assert one.parent == other.parent == folder


@pytest.mark.django_db(transaction=True)
def test_a_process_emits_after_what_dead_ones_have_left(alice, folder, monkeypatch) -> None:
    key = str(alice.pk)
    for number in (1, 2):
        with process_that_spooled(emitter.spool.folder(), key, number):
            pass
    monkeypatch.setattr(emitter.spool, "_looked", False)
    with held(lock_everything):  # Or all of it might be in the log before the third is looked at.
        assert emitter.emit(RunContext(key, run_id="r"), AgentThinking("t", 3)).spooled
    drained()
    assert numbers(key) == [1, 2, 3]


@contextmanager
def process_that_spooled(folder: Path, key: str, *numbers: int) -> Iterator[None]:
    """A process that lives until the end of the block, and is killed there."""
    script = (
        "import django, sys; django.setup()\n"
        "from pathlib import Path; from tests.test_spool import unit; from emitter.log import spool\n"
        f"own = spool.create(Path({str(folder)!r}), 100); own.put([unit({key!r}, n) for n in {numbers!r}])\n"
        "print('put', flush=True); sys.stdin.read()\n"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "netra_events.settings"}
    with subprocess.Popen([sys.executable, "-c", script], env=environment, stdin=-1, stdout=-1, text=True) as worker:
        assert worker.stdout.readline() == "put\n"
        yield
        worker.send_signal(signal.SIGKILL)


@pytest.mark.scaled
@pytest.mark.django_db(transaction=True)
class TestDatabaseAway:
    """PostgreSQL stops in the middle."""

    def test_emits_are_spooled_and_stored_once_in_order(
        self, alice, folder, configure: Configure, postgres_server: PostgreSQL
    ) -> None:
        context = RunContext(str(alice.pk), run_id="r")
        emitter.emit(context, AgentThinking("t", 0))
        postgres_server.stop()
        configure(EMIT_DEADLINE=TRIED)
        receipts = [emitter.emit(context, AgentThinking("t", number)) for number in range(1, 21)]
        assert {(receipt.spooled, receipt.seq) for receipt in receipts} == {(True, None)}
        assert emitter.spool.status()["away"]
        postgres_server.start()
        drained()
        configure(EMIT_DEADLINE=60)
        assert emitter.emit(context, AgentThinking("t", 21)).seq == 22
        assert numbers(str(alice.pk)) == list(range(22))
        assert faults_of(str(alice.pk)).faults == []

    async def test_so_are_those_of_coroutines(
        self, alice, folder, configure: Configure, postgres_server: PostgreSQL
    ) -> None:
        import asyncio

        from emitter import blocking

        context = RunContext(str(alice.pk), run_id="r")
        await emitter.aemit(context, AgentThinking("t", 0))
        postgres_server.stop()
        configure(EMIT_DEADLINE=TRIED)
        receipts = await asyncio.gather(*(emitter.aemit(context, AgentThinking("t", n)) for n in range(1, 31)))
        assert all(receipt.spooled for receipt in receipts)
        postgres_server.start()
        await asyncio.to_thread(drained)
        assert await blocking.run(numbers, str(alice.pk)) == list(range(31))

    def test_what_is_refused_is_set_aside_and_stops_nothing(self, alice, folder, postgres_server, caplog) -> None:
        key = str(alice.pk)
        emitter.emit(RunContext(key, run_id="r"), AgentStarted())
        postgres_server.stop()
        emitter.spool.notice_away()
        assert emitter.emit(RunContext("nobody", run_id="x"), AgentStarted("a secret")).spooled
        assert emitter.emit(RunContext(key, run_id="r"), AgentThinking("t", 1)).spooled
        status = emitter.spool.status()
        assert (status["waiting"], status["set_aside"]) == (2, 0)
        postgres_server.start()
        drained()
        connection.close()
        assert [stored.seq for stored in log.read_after(key, 0)] == [1, 2]
        assert "unknown_user: run x, event " in caplog.text
        assert "a secret" not in caplog.text
        assert any(b"unknown_user" in path.read_bytes() for path in folder.rglob("*.sqlite3*"))

    def test_without_a_spool_the_caller_gets_the_exception(
        self, alice, configure: Configure, postgres_server: PostgreSQL
    ) -> None:
        configure(SPOOL_FOLDER=None)
        context = RunContext(str(alice.pk), run_id="r")
        emitter.emit(context, AgentStarted())
        postgres_server.stop()
        configure(EMIT_DEADLINE=TRIED)
        with pytest.raises(EmitterUnavailable) as caught:
            emitter.emit(context, AgentStarted())
        assert caught.value.code == "database_unavailable"
        postgres_server.start()
        configure(EMIT_DEADLINE=60)
        assert emitter.emit(context, AgentStarted()).seq == 2


def drained() -> None:
    """Waits until nothing is left in this process's spools."""
    thread = emitter.spool._thread
    if thread is not None:
        thread.join(timeout=60)
    assert emitter.spool.depth == 0
    assert metrics.value("emitter_spool_depth") == 0
