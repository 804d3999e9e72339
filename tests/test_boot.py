"""After a power cut: what a changed boot id without a clean end means, and what it does not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from emitter import cursor, log
from emitter.context import RunContext
from emitter.cursor import Claim, Gap, StreamState
from emitter.events import AgentThinking
from emitter.log import boot
from emitter.models import Stream, Writer
from emitter.service import emitter

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]


@pytest.fixture(autouse=True)
def anew():
    """As a process that has not written yet."""
    boot._noted.clear()
    yield
    boot._noted.clear()


@pytest.fixture
def key(alice) -> str:
    return str(alice.pk)


def emit(key: str, number: int = 1) -> str:
    """Emits, and returns the stream's epoch."""
    for _ in range(number):
        emitter.emit(RunContext(key, run_id="r"), AgentThinking("t"))
    return Stream.objects.get(key=key).epoch


def restart(boot_id: str) -> None:
    """The machine was started again, and this is a new process on it."""
    Writer.objects.update(boot=boot_id)
    boot._noted.clear()


def test_a_writer_says_so_once(key) -> None:
    emit(key, 3)
    assert list(Writer.objects.values_list("pid", "boot")) == [(os.getpid(), boot.boot_id())]


def test_a_writer_of_another_boot_means_a_new_epoch(key, caplog) -> None:
    before = emit(key, 2)
    restart("the boot before")
    after = emit(key)
    assert after > before
    assert log.open_stream(key).head == 3
    assert "power_cut" in caplog.text
    assert emit(key) == after


def test_the_first_look_notices_it_too(key) -> None:
    before = emit(key)
    restart("the boot before")
    assert log.open_stream(key).epoch > before


def test_a_clean_end_or_a_kill_in_the_same_boot_means_nothing(key) -> None:
    before = emit(key)
    restart(boot.boot_id())
    assert emit(key) == before
    boot.take_back(os.getpid(), connection.settings_dict["NAME"])
    assert not Writer.objects.exists()
    restart("the boot before")
    assert emit(key) == before


def test_with_full_synchronous_nothing_is_lost_and_nothing_happens(key) -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=FULL")
    try:
        before = emit(key)
        Writer.objects.create(pid=1, boot="the boot before")
        boot._noted.clear()
        assert emit(key) == before
    finally:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=NORMAL")


def test_a_log_put_back_to_an_earlier_copy_gives_a_gap_and_no_other_event(tmp_path: Path) -> None:
    """What a power cut does: the last commits are gone, and their numbers are given again."""
    path, copy = tmp_path / "log.sqlite3", tmp_path / "copy.sqlite3"
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{path}", "DJANGO_SETTINGS_MODULE": "netra_events.settings"}

    def process(script: str) -> list[str]:
        """A process of its own, which ends as in a power cut: without saying so."""
        begin = "import os, django; django.setup(); from emitter import log; from emitter.service import emitter\n"
        done = subprocess.run(
            [sys.executable, "-c", f"{begin}{script}\nimport sys; sys.stdout.flush(); os._exit(0)"],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert not done.returncode, done.stderr
        return done.stdout.split()

    emit = (
        "from emitter.context import RunContext; from emitter.events import AgentThinking\n"
        "for _ in range(2): print(emitter.emit(RunContext('1', run_id='r'), AgentThinking('t')).seq)\n"
        "print(log.open_stream('1').epoch)"
    )
    process(
        "from django.core.management import call_command; call_command('migrate', verbosity=0)\n"
        "from django.contrib.auth.models import User; User.objects.create(pk=1, username='alice')"
    )
    assert process(emit)[:2] == ["1", "2"]
    process(f"from django.db import connection; connection.cursor().execute('VACUUM INTO %s', [{str(copy)!r}])")
    *seen, epoch = process(emit)
    for stale in tmp_path.glob("log.sqlite3*"):
        stale.unlink()
    shutil.copy(copy, path)
    process("from emitter.models import Writer; Writer.objects.update(boot='the boot before')")
    *again, after = process(emit)
    assert seen == again == ["3", "4"]
    assert after > epoch
    start = cursor.start(Claim(after=4, epoch=epoch), StreamState(after, 4))
    assert start.gap == Gap(4, 1, "epoch")
