"""Where a coroutine's blocking work runs.

A piece of work is one synchronous function; its async twin hands it over once, with :func:`run`. Under
``async_to_sync`` and in Django's async tests the work belongs on the thread that waits, because the transaction and
the connection are there; on a native event loop it runs on threads of our own.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import AsyncToSync, sync_to_async
from django.db import connections

from emitter import metrics
from emitter.conf import conf
from emitter.errors import TransactionError

P = ParamSpec("P")
R = TypeVar("R")

READERS = 4
_pools: dict[str, ThreadPoolExecutor] = {}


def pool(name: str, threads: int) -> ThreadPoolExecutor:
    """One of our own thread pools, made when it is first needed and anew in a forked child."""
    if name not in _pools:
        _pools[name] = ThreadPoolExecutor(threads, thread_name_prefix=f"emitter-{name}")
    return _pools[name]


def shutdown() -> None:
    """Ends our threads and closes their connections; the next use starts anew."""
    for name in list(_pools):
        executor = _pools.pop(name)
        workers = len(executor._threads)
        # Only a worker can close its own connection, and the barrier gives one piece of work to each.
        together = threading.Barrier(workers) if workers else None
        for _ in range(workers):
            executor.submit(_close_connections, together)
        executor.shutdown()


def _close_connections(together: threading.Barrier | None) -> None:
    connections.close_all()
    if together is not None:
        together.wait()


os.register_at_fork(after_in_child=_pools.clear)


def belongs_to_waiting_thread() -> bool:
    """Whether the running coroutine's database work must run where Django's own would.

    True under ``async_to_sync``, and on a test database in memory, which only one thread can use.
    """
    waiting = getattr(AsyncToSync.executors, "current", None) is not None
    if waiting or asyncio.get_running_loop() in AsyncToSync.loop_thread_executors:
        return True
    # In a coroutine ``connections`` gives a connection of its own; a test's transaction is on the thread's.
    storage = getattr(connections._connections, "_storage", None)  # type: ignore[attr-defined]
    own = getattr(storage, conf.database, None)
    if own is not None and own.in_atomic_block:
        raise TransactionError(
            "transaction_not_shared",
            "A transaction is open on the event loop's own thread, where no other thread can see into it. "
            "With pytest-asyncio use @pytest.mark.django_db(transaction=True).",
        )
    return is_in_memory()


def is_in_memory() -> bool:
    """Whether the log is a test database in memory, which only one thread can use."""
    database = connections.settings[conf.database]
    name = str(database["NAME"])
    return database["ENGINE"].endswith("sqlite3") and (name == ":memory:" or "mode=memory" in name)


async def run(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Runs one synchronous unit of database work for a coroutine and returns what it returns."""
    metrics.HOPS.inc()
    if belongs_to_waiting_thread():
        return await sync_to_async(work, thread_sensitive=True)(*args, **kwargs)
    readers = pool("read", READERS)
    return await asyncio.get_running_loop().run_in_executor(readers, lambda: on_own_connection(work, *args, **kwargs))


def on_own_connection(work: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    """Runs ``work`` on a thread of ours, keeping its connections as Django keeps them between requests."""
    _tidy()
    try:
        return work(*args, **kwargs)
    finally:
        _tidy()


def _tidy() -> None:
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
