"""Callers who stand in each other's way: what they emit, what holds them up, and when."""

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, connections, transaction

from emitter import metrics
from emitter.context import RunContext
from emitter.events import AgentThinking
from emitter.models import Stream
from emitter.service import emitter
from emitter.service.group_commit import GroupCommit


def commits() -> float:
    return metrics.value("emitter_commits_total")


def thought(number: int = 0) -> AgentThinking:
    return AgentThinking("t", number)


def context(user: User, run: str = "") -> RunContext:
    return RunContext(str(user.pk), run_id=run or f"run of {user.pk}")


@contextmanager
def held(work: Callable[[], Any]) -> Iterator[None]:
    """Another connection has done ``work`` in a transaction that stays open for the block."""
    ready, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            work()
            ready.set()
            release.wait(120)
        connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    assert ready.wait(60)
    try:
        yield
    finally:
        release.set()
        thread.join()


def lock_everything() -> None:
    """Keeps every other writer out of the log."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("LOCK TABLE emitter_event IN EXCLUSIVE MODE")


def lock_stream(user: User) -> None:
    Stream.objects.select_for_update().get(key=user.pk)


def queued() -> int:
    return emitter._group._queue.size


def deferred() -> float:
    return metrics.value("emitter_deferred_total")


def leaders() -> int:
    """Threads that lead at this moment."""
    lead = GroupCommit._lead.__code__
    stacks = [traceback.walk_stack(top) for top in sys._current_frames().values()]
    return sum(any(frame.f_code is lead for frame, _ in stack) for stack in stacks)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in a minute"
        time.sleep(0.005)


@contextmanager
def commits_unanswered() -> Iterator[None]:
    """Commits are done, but not told to their clients: they wait for a standby that is not there."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        cursor.execute("SELECT pg_reload_conf()")
        try:
            until(lambda: setting("synchronous_standby_names") == "nobody")
            yield
        finally:
            cursor.execute("ALTER SYSTEM RESET synchronous_standby_names")
            cursor.execute("SELECT pg_reload_conf()")


@contextmanager
def standby() -> Iterator[None]:
    """The server takes no writes, as a primary that was sent back into line; its connections stand."""
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off")
        cursor.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        cursor.execute("SELECT pg_reload_conf()")
        try:
            until(refuses_writes)
            yield
        finally:
            cursor.execute("ALTER SYSTEM RESET default_transaction_read_only")
            cursor.execute("SELECT pg_reload_conf()")
            cursor.execute("RESET default_transaction_read_only")
            until(lambda: not refuses_writes())


def refuses_writes() -> bool:
    """What a new connection is told."""
    with connection.copy().cursor() as cursor:
        cursor.execute("SHOW default_transaction_read_only")
        told = cursor.fetchone()[0]
        cursor.db.close()
    return told == "on"


def setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        return cursor.fetchone()[0]


def kill_who_waits_for(event_type: str) -> bool:
    """Ends the server's processes that serve us and wait for such a thing; whether there was one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = %s",
            [event_type],
        )
        return cursor.fetchone() is not None
