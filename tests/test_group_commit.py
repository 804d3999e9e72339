"""Many callers, one commit: how emits wait for their turn, and how they give up."""

import asyncio
import time

import pytest

from emitter.errors import EmitterOverloaded
from emitter.models import Event
from emitter.service import Item, emitter

from .conftest import Configure
from .contention import commits, context, deferred, held, leaders, lock_everything, lock_stream, queued, thought, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("unhurried")]


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
    seqs = [future.result(60).seq for future in [leader, *waiting]]
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


def test_a_full_queue_makes_callers_wait_and_then_raises(alice, pool, configure: Configure) -> None:
    configure(QUEUE_EVENTS=5)
    emitter.emit(context(alice), thought())
    with held(lock_everything):
        leader = pool.submit(emitter.emit, context(alice), thought())
        until(lambda: queued() == 1 and not emitter._group._queue)
        in_queue = [pool.submit(emitter.emit, context(alice), thought()) for _ in range(4)]
        until(lambda: queued() == 5)
        configure(EMIT_DEADLINE=0.4)
        with pytest.raises(EmitterOverloaded, match="stayed full"):
            emitter.emit(context(alice), thought())
    assert sorted(future.result(60).seq for future in [leader, *in_queue]) == [2, 3, 4, 5, 6]


def test_a_caller_whose_turn_does_not_come_raises_too(alice, pool, configure: Configure) -> None:
    emitter.emit(context(alice), thought())
    with held(lock_everything):
        leader = pool.submit(emitter.emit, context(alice), thought())
        until(lambda: queued() == 1 and not emitter._group._queue)
        configure(EMIT_DEADLINE=0.4)
        with pytest.raises(EmitterOverloaded, match="waited"):
            emitter.emit(context(alice), thought())
    assert leader.result(60).seq == 2
    assert Event.objects.count() == 2


async def test_a_coroutine_waits_for_room_and_gets_it(alice, settings) -> None:
    settings.EMITTER = {**settings.EMITTER, "QUEUE_EVENTS": 3}
    receipts = await asyncio.gather(*(emitter.aemit(context(alice), thought()) for _ in range(50)))
    assert sorted(receipt.seq for receipt in receipts) == list(range(1, 51))


async def test_a_coroutine_that_finds_no_room_until_its_deadline_is_refused(alice, configure: Configure) -> None:
    await emitter.aemit(context(alice), thought())
    configure(QUEUE_EVENTS=1)
    with held(lock_everything):
        leader = asyncio.create_task(emitter.aemit(context(alice), thought()))
        await asyncio.to_thread(until, lambda: not emitter._group._queue and queued() == 1)
        configure(EMIT_DEADLINE=0.3)
        with pytest.raises(EmitterOverloaded, match="stayed full"):
            await emitter.aemit(context(alice), thought())
    assert (await leader).seq == 2


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
            await asyncio.wait_for(cancelled, 60)
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
    clock = Clock()
    for module in ("group_commit", "carrier"):
        monkeypatch.setattr(f"emitter.service.{module}.time", clock)
    with held(lambda: lock_stream(alice)):
        before = deferred()
        delayed = pool.submit(emitter.emit, context(alice), thought())
        until(lambda: deferred() >= before + 5)
    assert delayed.result(60).seq == 2


def test_one_bad_unit_does_not_spoil_its_neighbours(alice, bob, pool) -> None:
    emitter.emit(context(alice, "of-alice"), thought())
    with held(lock_everything):
        good = [pool.submit(emitter.emit, context(alice), thought()) for _ in range(5)]
        bad = pool.submit(emitter.emit, context(bob, "of-alice"), thought())
        until(lambda: queued() == 6)
    assert bad.exception(60).code == "run_owned"
    assert sorted(future.result(60).seq for future in good) == list(range(2, 7))
