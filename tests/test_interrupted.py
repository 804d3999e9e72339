"""An emit that a signal breaks off, as a worker's time limit or Ctrl-C does: the next ones go on as if nothing was."""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from emitter.log.verify import faults_of
from emitter.service import emitter

from .contention import context, deferred, held, lock_everything, lock_stream, queued, thought, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.scaled, pytest.mark.usefixtures("unhurried")]


class TimeLimit(Exception):
    pass


def strike(*_: Any) -> None:
    raise TimeLimit


@contextmanager
def struck_when(condition: Callable[[], bool]) -> Iterator[None]:
    """The main thread gets a signal as soon as the condition holds, and the signal's handler raises."""
    main = threading.main_thread().ident
    assert main is not None

    def watch() -> None:
        until(condition)
        signal.pthread_kill(main, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, strike)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with pytest.raises(TimeLimit):
            yield
    finally:
        watcher.join()
        signal.signal(signal.SIGUSR1, before)


def test_while_it_waits_for_a_held_stream(alice, key) -> None:
    emitter.emit(context(alice), thought())
    seen = deferred()
    with held(lambda: lock_stream(alice)), struck_when(lambda: deferred() > seen + 2):
        emitter.emit(context(alice), thought())
    assert queued() == 0
    assert emitter.emit(context(alice), thought()).seq == 2


def test_while_it_commits_for_others(alice, key, pool: ThreadPoolExecutor) -> None:
    emitter.emit(context(alice), thought())
    with held(lock_everything):
        with struck_when(lambda: queued() == 1 and not emitter._group._queue):
            emitter.emit(context(alice), thought())
        other = pool.submit(emitter.emit, context(alice), thought())
        until(lambda: queued() == 1)
    assert other.result(60).seq == 2
    assert emitter.emit(context(alice), thought()).seq == 3
    assert faults_of(key).faults == []


def test_while_somebody_else_leads(alice, bob, pool: ThreadPoolExecutor) -> None:
    for user in (alice, bob):
        emitter.emit(context(user), thought())
    with held(lock_everything):
        leader = pool.submit(emitter.emit, context(alice), thought())
        until(lambda: queued() == 1)
        with struck_when(lambda: queued() == 2):
            emitter.emit(context(bob), thought())
        assert queued() == 1
    assert leader.result(60).seq == 2
    assert emitter.emit(context(bob), thought()).seq == 2
