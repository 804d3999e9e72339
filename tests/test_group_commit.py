"""Many callers, one commit: how emits wait, give up, and pass by what is locked."""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction

from emitter import log, metrics
from emitter.context import RunContext
from emitter.errors import EmitterOverloaded, TransactionError
from emitter.events import AgentThinking
from emitter.log.verify import faults_of
from emitter.models import Event, Stream
from emitter.service import Item, emitter
from emitter.service.group_commit import GroupCommit

pytestmark = pytest.mark.django_db(transaction=True)


def commits() -> float:
    return metrics.value("emitter_commits_total")


def thought(number: int = 0) -> AgentThinking:
    return AgentThinking("t", number)


def context(user: User, run: str = "") -> RunContext:
    return RunContext(str(user.pk), run_id=run or f"run of {user.pk}")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads that close their connections when the test ends."""
    barrier = threading.Barrier(40)

    def close() -> None:
        connections.close_all()
        barrier.wait(10)

    with ThreadPoolExecutor(40) as executor:
        yield executor
        for _ in range(40):
            executor.submit(close)


@contextmanager
def held(work: Callable[[], Any]) -> Iterator[None]:
    """Another connection has done ``work`` in a transaction that stays open for the block."""
    ready, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            work()
            ready.set()
            release.wait(20)
        connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    assert ready.wait(10)
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
    return emitter._group._size


def deferred() -> float:
    return metrics.value("emitter_deferred_total")


def leaders() -> int:
    """Threads that lead at this moment."""
    lead = GroupCommit._lead.__code__
    stacks = [traceback.walk_stack(top) for top in sys._current_frames().values()]
    return sum(any(frame.f_code is lead for frame, _ in stack) for stack in stacks)


def until(condition: Callable[[], bool]) -> None:
    deadline = threading.Event()
    for _ in range(2_000):
        if condition():
            return
        deadline.wait(0.005)
    raise AssertionError("it did not happen in ten seconds")


def test_one_event_alone_leaves_at_once(alice) -> None:
    before = commits()
    emitter.emit(context(alice), thought())
    assert (commits() - before, queued()) == (1, 0)


def test_what_queues_during_a_commit_causes_one_more(alice, pool) -> None:
    emitter.emit(context(alice), thought())
    before = commits()
    with held(lock_everything):
        leader = pool.submit(emitter.emit, context(alice), thought())
        until(lambda: not emitter._group._queue and queued() == 1)
        waiting = [pool.submit(emitter.emit, context(alice), thought()) for _ in range(30)]
        until(lambda: queued() == 31)
    seqs = [future.result(10).seq for future in [leader, *waiting]]
    assert commits() - before == 2
    assert sorted(seqs) == list(range(2, 33))


async def test_so_it_is_for_coroutines(alice) -> None:
    await emitter.aemit(context(alice), thought())
    before = commits()
    with held(lock_everything):
        leader = asyncio.create_task(emitter.aemit(context(alice), thought()))
        await asyncio.to_thread(until, lambda: not emitter._group._queue and queued() == 1)
        waiting = [asyncio.create_task(emitter.aemit(context(alice), thought())) for _ in range(30)]
        await asyncio.to_thread(until, lambda: queued() == 31)
    receipts = await asyncio.gather(leader, *waiting)
    assert commits() - before == 2
    assert [receipt.seq for receipt in receipts] == list(range(2, 33))


def test_a_full_queue_makes_callers_wait_and_then_raises(alice, pool, settings) -> None:
    settings.EMITTER = {**settings.EMITTER, "QUEUE_EVENTS": 5, "EMIT_DEADLINE": 0.4}
    emitter.emit(context(alice), thought())
    with held(lock_everything):
        leader = pool.submit(emitter.emit, context(alice), thought())
        until(lambda: queued() == 1 and not emitter._group._queue)
        in_queue = [pool.submit(emitter.emit, context(alice), thought()) for _ in range(4)]
        until(lambda: queued() == 5)
        one_too_many = pool.submit(emitter.emit, context(alice), thought())
        for refused in [*in_queue, one_too_many]:
            assert isinstance(refused.exception(10), EmitterOverloaded)
    assert leader.result(10).seq == 2
    assert Event.objects.count() == 2


async def test_a_coroutine_waits_for_room_and_gets_it(alice, settings) -> None:
    settings.EMITTER = {**settings.EMITTER, "QUEUE_EVENTS": 3}
    receipts = await asyncio.gather(*(emitter.aemit(context(alice), thought()) for _ in range(50)))
    assert sorted(receipt.seq for receipt in receipts) == list(range(1, 51))


async def test_cancelled_while_queued_it_is_withdrawn(alice) -> None:
    await emitter.aemit(context(alice), thought())
    with held(lock_everything):
        leader = asyncio.create_task(emitter.aemit(context(alice), thought()))
        await asyncio.to_thread(until, lambda: not emitter._group._queue and queued() == 1)
        waiting = asyncio.create_task(emitter.aemit(context(alice), thought()))
        await asyncio.to_thread(until, lambda: queued() == 2)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        leader.cancel()
        await asyncio.sleep(0)
        assert not leader.done()
    with pytest.raises(asyncio.CancelledError):
        await leader
    assert (await emitter.aemit(context(alice), thought())).seq == 3


@pytest.mark.scaled
async def test_cancelled_in_a_commit_that_passes_by_it_is_not_tried_again(alice, bob) -> None:
    for user in (alice, bob):
        await emitter.aemit(context(user), thought())
    with held(lambda: lock_stream(alice)):
        with held(lock_everything):
            both = [Item(context(user), thought()) for user in (bob, alice)]
            cancelled = asyncio.create_task(emitter.aemit_each(both))
            await asyncio.to_thread(until, lambda: not emitter._group._queue and queued() == 2)
            cancelled.cancel()
            await asyncio.sleep(0)
            assert not cancelled.done()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(cancelled, 3)
    assert [(await emitter.aemit(context(user), thought())).seq for user in (alice, bob)] == [2, 3]


@pytest.mark.scaled
async def test_a_cancelled_coroutine_leaves_one_leader(alice, pool) -> None:
    await emitter.aemit(context(alice), thought())
    with held(lambda: lock_stream(alice)):
        before = deferred()
        cancelled = asyncio.create_task(emitter.aemit(context(alice), thought()))
        await asyncio.to_thread(until, lambda: deferred() > before)
        waiting = pool.submit(emitter.emit, context(alice), thought())
        await asyncio.to_thread(until, lambda: queued() == 2)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        before = deferred()
        await asyncio.to_thread(until, lambda: deferred() > before + 1)
        last = pool.submit(emitter.emit, context(alice), thought())
        await asyncio.to_thread(until, lambda: deferred() > before + 5)
        assert leaders() == 1
    assert [(await asyncio.wrap_future(future)).seq for future in (waiting, last)] == [2, 3]


class Clock:
    """A clock of a machine that gives us little of its time: each look at it comes 1.5 ms after the last."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        self.ahead += 0.0015
        return time.monotonic() + self.ahead


@pytest.mark.scaled
def test_on_a_busy_machine_no_retry_is_slept_over(alice, pool, monkeypatch) -> None:
    emitter.emit(context(alice), thought())
    monkeypatch.setattr("emitter.service.group_commit.time", Clock())
    with held(lambda: lock_stream(alice)):
        before = deferred()
        delayed = pool.submit(emitter.emit, context(alice), thought())
        until(lambda: deferred() >= before + 5)
    assert delayed.result(10).seq == 2


@pytest.mark.scaled
@pytest.mark.parametrize("known", [True, False])
def test_who_holds_a_stream_delays_that_user_only(alice, bob, pool, known) -> None:
    for user in (alice, bob) if known else (bob,):
        emitter.emit(context(user), thought())
    with held(lambda: emitter.emit(context(alice), thought(1))):
        before = deferred()
        delayed = pool.submit(emitter.emit, context(alice), thought(2))
        until(lambda: deferred() > before)
        others = [pool.submit(emitter.emit, context(bob), thought()) for _ in range(20)]
        assert sorted(future.result(3).seq for future in others) == list(range(2, 22))
        assert not delayed.done()
    assert delayed.result(10).seq == (3 if known else 2)
    assert faults_of(str(alice.pk)).faults == []


@pytest.mark.scaled
def test_who_holds_a_new_run_delays_nobody_else(alice, bob, pool) -> None:
    for user in (alice, bob):
        log.open_stream(str(user.pk))
    with held(lambda: emitter.emit(context(alice, "shared"), thought())):
        before = deferred()
        delayed = pool.submit(emitter.emit, context(bob, "shared"), thought())
        until(lambda: deferred() > before)
        assert pool.submit(emitter.emit, context(bob, "own"), thought()).result(3).seq == 1
        assert not delayed.done()
    assert delayed.exception(10).code == "run_owned"


@pytest.mark.scaled
def test_held_beyond_its_deadline_an_emit_is_overloaded_and_not_stored(alice, pool, settings) -> None:
    settings.EMITTER = {**settings.EMITTER, "EMIT_DEADLINE": 0.3}
    emitter.emit(context(alice), thought())
    with held(lambda: emitter.emit(context(alice), thought())):
        refused = pool.submit(emitter.emit, context(alice), thought()).exception(10)
    assert isinstance(refused, EmitterOverloaded)
    assert Stream.objects.get().head == 2


@pytest.mark.scaled
def test_the_order_of_a_held_stream_is_kept(alice, bob, pool) -> None:
    emitter.emit(context(alice), thought())
    futures: list[Future[Any]] = []
    with held(lambda: emitter.emit(context(alice), thought())):
        for number in range(10):
            size = queued()
            futures.append(pool.submit(emitter.emit, context(alice), thought(number)))
            until(lambda size=size: queued() == size + 1)
    assert [future.result(10).seq for future in futures] == list(range(3, 13))


@pytest.mark.scaled
def test_a_deadlock_of_the_callers_own_order_is_named_and_stores_nothing(alice, bob, pool) -> None:
    for user in (alice, bob):
        emitter.emit(context(user), thought())
    both = threading.Barrier(2)

    def emit_in_order(first: User, second: User) -> str:
        try:
            with transaction.atomic():
                emitter.emit(context(first), thought())
                both.wait(10)
                try:
                    emitter.emit(context(second), thought())
                except TransactionError as error:
                    return error.code  # Swallowed inside the block: nothing of it may be stored all the same.
        finally:
            connections.close_all()
        return "stored"

    outcomes = [pool.submit(emit_in_order, *pair) for pair in ((alice, bob), (bob, alice))]
    assert sorted(outcome.result(20) for outcome in outcomes) == ["deadlock", "stored"]
    assert list(Stream.objects.values_list("head", flat=True)) == [2, 2]
    assert [faults_of(str(user.pk)).faults for user in (alice, bob)] == [[], []]


@pytest.mark.scaled
def test_a_backend_that_is_killed_costs_a_retry(alice, pool) -> None:
    def emit_after_kill() -> int | None:
        emitter.emit(context(alice), thought())
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
        pool.submit(kill, pid).result(10)
        return emitter.emit(context(alice), thought()).seq

    def kill(pid: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])

    assert pool.submit(emit_after_kill).result(10) == 2
    assert faults_of(str(alice.pk)).faults == []


def test_one_bad_unit_does_not_spoil_its_neighbours(alice, bob, pool) -> None:
    emitter.emit(context(alice, "of-alice"), thought())
    with held(lock_everything):
        good = [pool.submit(emitter.emit, context(alice), thought()) for _ in range(5)]
        bad = pool.submit(emitter.emit, context(bob, "of-alice"), thought())
        until(lambda: queued() == 6)
    assert bad.exception(10).code == "run_owned"
    assert sorted(future.result(10).seq for future in good) == list(range(2, 7))
