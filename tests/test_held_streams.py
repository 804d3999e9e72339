"""PostgreSQL between several callers: who holds a stream, who waits for whom, and whose connection is ended."""

import threading
from concurrent.futures import Future
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections, transaction

from emitter import log, metrics
from emitter.errors import EmitterOverloaded, TransactionError
from emitter.log.verify import faults_of
from emitter.models import Event, Stream
from emitter.service import Item, emitter

from .conftest import Configure
from .contention import (
    commits_unanswered,
    context,
    deferred,
    held,
    kill_who_waits_for,
    lock_everything,
    lock_stream,
    queued,
    thought,
    until,
)

pytestmark = [pytest.mark.scaled, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("unhurried")]


@pytest.mark.parametrize("known", [True, False])
def test_who_holds_a_stream_delays_that_user_only(alice, bob, pool, known) -> None:
    for user in (alice, bob) if known else (bob,):
        emitter.emit(context(user), thought())
    with held(lambda: emitter.emit(context(alice), thought(1))):
        before = deferred()
        delayed = pool.submit(emitter.emit, context(alice), thought(2))
        until(lambda: deferred() > before)
        others = [pool.submit(emitter.emit, context(bob), thought()) for _ in range(20)]
        assert sorted(future.result(60).seq for future in others) == list(range(2, 22))
        assert not delayed.done()
    assert delayed.result(60).seq == (3 if known else 2)
    assert faults_of(str(alice.pk)).faults == []


def test_who_holds_a_new_run_delays_nobody_else(alice, bob, pool) -> None:
    for user in (alice, bob):
        log.open_stream(str(user.pk))
    with held(lambda: emitter.emit(context(alice, "shared"), thought())):
        before = deferred()
        delayed = pool.submit(emitter.emit, context(bob, "shared"), thought())
        until(lambda: deferred() > before)
        assert pool.submit(emitter.emit, context(bob, "own"), thought()).result(60).seq == 1
        assert not delayed.done()
    assert delayed.exception(60).code == "run_owned"


def test_held_beyond_its_deadline_an_emit_is_overloaded_and_not_stored(alice, pool, configure: Configure) -> None:
    emitter.emit(context(alice), thought())
    with held(lambda: emitter.emit(context(alice), thought())):
        configure(EMIT_DEADLINE=0.3)
        refused = pool.submit(emitter.emit, context(alice), thought()).exception(60)
    assert isinstance(refused, EmitterOverloaded)
    assert Stream.objects.get().head == 2


def test_what_was_stored_is_told_though_others_were_held_too_long(alice, bob, configure: Configure) -> None:
    for user in (alice, bob):
        emitter.emit(context(user), thought())
    with held(lambda: lock_stream(alice)):
        before = refusals_of_overload()
        configure(EMIT_DEADLINE=4)
        overloaded, receipt = emitter.emit_each([Item(context(user), thought()) for user in (alice, bob)])
    assert isinstance(overloaded, EmitterOverloaded)
    assert (receipt.seq, Event.objects.filter(stream=alice.pk).count()) == (2, 1)
    assert refusals_of_overload() == before + 1


def refusals_of_overload() -> float:
    return metrics.value("emitter_refused_total", code="emitter_overloaded")


def test_the_order_of_a_held_stream_is_kept(alice, bob, pool) -> None:
    emitter.emit(context(alice), thought())
    futures: list[Future[Any]] = []
    with held(lambda: emitter.emit(context(alice), thought())):
        before = deferred()
        futures.append(pool.submit(emitter.emit, context(alice), thought()))
        until(lambda: deferred() >= before + 8)  # Now it pauses longer than those that come after it.
        for number in range(1, 10):
            size = queued()
            futures.append(pool.submit(emitter.emit, context(alice), thought(number)))
            until(lambda size=size: queued() == size + 1)
    assert [future.result(60).seq for future in futures] == list(range(3, 13))


def test_a_deadlock_of_the_callers_own_order_is_named_and_stores_nothing(alice, bob, pool) -> None:
    for user in (alice, bob):
        emitter.emit(context(user), thought())
    both = threading.Barrier(2)

    def emit_in_order(first: User, second: User) -> str:
        try:
            with transaction.atomic():
                emitter.emit(context(first), thought())
                both.wait(60)
                try:
                    emitter.emit(context(second), thought())
                except TransactionError as error:
                    return error.code  # Swallowed inside the block: nothing of it may be stored all the same.
        finally:
            connections.close_all()
        return "stored"

    outcomes = [pool.submit(emit_in_order, *pair) for pair in ((alice, bob), (bob, alice))]
    assert sorted(outcome.result(60) for outcome in outcomes) == ["deadlock", "stored"]
    assert list(Stream.objects.values_list("head", flat=True)) == [2, 2]
    assert [faults_of(str(user.pk)).faults for user in (alice, bob)] == [[], []]


def test_a_backend_that_is_killed_in_a_commit_costs_a_retry(alice, pool) -> None:
    emitter.emit(context(alice), thought())
    with held(lock_everything):
        emitting = pool.submit(emitter.emit, context(alice), thought())
        until(lambda: kill_who_waits_for("Lock"))
        until(lambda: emitter._group._carrier.failing)
    assert emitting.result(60).seq == 2
    assert Event.objects.count() == 2
    assert faults_of(str(alice.pk)).faults == []


def test_a_commit_whose_answer_is_lost_is_stored_once(alice, pool) -> None:
    emitter.emit(context(alice), thought())
    with commits_unanswered():
        emitting = pool.submit(emitter.emit, context(alice), thought())
        until(lambda: kill_who_waits_for("IPC"))
        until(lambda: emitter._group._carrier.failing)
    receipt = emitting.result(60)
    assert (receipt.seq, receipt.duplicate) == (2, False)
    assert Event.objects.count() == 2
