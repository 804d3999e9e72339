"""What was counted is written down in the background, added up over processes, and kept while the database is away."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from django.db import OperationalError

from emitter import blocking
from emitter.migration import ledger as module
from emitter.migration import tallies
from emitter.migration.ledger import Ledger
from emitter.migration.limits import Counts
from emitter.migration.modes import Setting
from emitter.migration.tallies import Tally
from emitter.models import AdapterTally, Mode

pytestmark = pytest.mark.django_db(transaction=True)
SETTING = Setting("base_agent", change=7)
NOON = datetime(2026, 1, 2, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(lambda setting: None)


def rows() -> list[tuple[int, int, int]]:
    return list(AdapterTally.objects.values_list("calls", "failures", "differences"))


def test_calls_are_written_down_by_themselves(ledger: Ledger, background: None) -> None:
    for _ in range(1_000):
        ledger.count(SETTING, Mode.UNIFIED, failed=True)
    deadline = monotonic() + 30
    while sum(calls for calls, *_ in rows()) < 1_000 and monotonic() < deadline:
        blocking.pool("ledger", 1).submit(int).result()  # after the thread has written, or ended
    assert {calls == failures for calls, failures, _ in rows()} == {True}
    assert sum(calls for calls, *_ in rows()) == 1_000


def test_many_processes_add_to_one_row(pool: ThreadPoolExecutor) -> None:
    def add(_: int) -> None:
        tallies.add(Tally(SETTING, Mode.SHADOW, 3, 2, 1), NOON)

    list(pool.map(add, range(40)))
    assert rows() == [(120, 80, 40)]


def test_a_window_is_five_minutes_of_one_change_and_mode(db: None) -> None:
    for minutes, setting, mode in [(0, SETTING, Mode.SHADOW), (4, SETTING, Mode.SHADOW), (5, SETTING, Mode.SHADOW)]:
        tallies.add(Tally(setting, mode, 10), NOON - timedelta(minutes=minutes))
    tallies.add(Tally(SETTING, Mode.UNIFIED, 100), NOON)
    tallies.add(Tally(Setting("base_agent", change=8), Mode.SHADOW, 100), NOON)
    assert tallies.of_window(SETTING, Mode.SHADOW, NOON, 5) == Counts(calls=20)
    assert tallies.of_window(Setting("base_agent"), Mode.SHADOW, NOON, 5) == Counts()


def test_what_could_not_be_written_waits(ledger: Ledger, monkeypatch: Any) -> None:
    def away(*_: Any) -> None:
        raise OperationalError

    ledger.count(SETTING, Mode.UNIFIED)
    with monkeypatch.context() as broken:
        broken.setattr(tallies, "add", away)
        with pytest.raises(OperationalError):
            ledger.flush()
    ledger.count(SETTING, Mode.UNIFIED)
    ledger.flush()
    assert rows() == [(2, 0, 0)]


def test_the_thread_ends_while_the_database_is_away(
    ledger: Ledger, background: None, monkeypatch: Any, caplog: Any
) -> None:
    monkeypatch.setattr(module, "GATHER_SECONDS", 0)
    monkeypatch.setattr(module, "PAUSE_SECONDS", 3_600)
    monkeypatch.setattr(ledger, "flush", lambda: 1 // 0)
    ledger.count(SETTING, Mode.UNIFIED)
    blocking.pool("ledger", 1).submit(int).result(120)
    assert "tallies of old faces wait (ZeroDivisionError)" in caplog.text
    ledger.count(SETTING, Mode.UNIFIED)
    assert ledger._writing is False


def test_a_forked_process_counts_its_own(ledger: Ledger, monkeypatch: Any) -> None:
    ledger.count(SETTING, Mode.UNIFIED)
    child = os.fork()
    if child == 0:
        os._exit(len(ledger._tallies))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(ledger._tallies) == 1


def test_nothing_runs_by_itself_on_a_test_database_in_memory(
    ledger: Ledger, background: None, monkeypatch: Any
) -> None:
    memory = {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:memorydb_default?mode=memory&cache=shared"}
    monkeypatch.setattr(module.connections, "settings", {"default": memory}, raising=False)
    ledger.count(SETTING, Mode.UNIFIED)
    assert ledger._writing is False
