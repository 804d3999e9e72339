"""The write itself: what one transaction locks, stores and answers, and what it leaves when it fails."""

import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from emitter.context import RunContext
from emitter.errors import TransactionError
from emitter.events import AgentCompleted, AgentStarted, AgentThinking, Event
from emitter.log.append import append, append_here
from emitter.log.entry import Unit
from emitter.log.terms import Terms
from emitter.log.verify import faults_of
from emitter.models import Event as Row
from emitter.models import Run, Stream
from emitter.policy import users
from emitter.policy.users import key_of
from emitter.service.prepare import Item, prepare

from .contention import held

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 60


def unit(*keys: str, run: str = "", event: Event | None = None) -> Unit:
    """One unit with an event for each of these users, in their own runs or in one."""
    event = event or AgentThinking("Reading the ledger")
    return Unit([prepare(Item(RunContext(key, run_id=run or f"run of {key}"), event)) for key in keys])


def store(*units: Unit) -> list[list[int | None] | str | None]:
    """Appends a batch. Gives each unit's numbers, or the code of its refusal, or ``None`` if it was busy."""
    outcomes = append(units, Terms(users.existing)).outcomes
    return [
        [receipt.seq for receipt in outcome] if isinstance(outcome, list) else outcome and outcome.code
        for outcome in outcomes
    ]


def heads() -> dict[str, int]:
    return dict(Stream.objects.values_list("key", "head"))


@pytest.fixture
def keys(db: None) -> list[str]:
    """Two users' keys, in order."""
    return sorted(key_of(User.objects.create(username=name)) for name in ("first", "second"))


def stored_but_open(*units: Unit) -> AbstractContextManager[None]:
    """Another connection has stored these units in a transaction that is open for the block."""
    return held(lambda: append_here(units, Terms(users.existing)))


def test_a_batch_is_numbered_in_its_order(keys) -> None:
    first, second = keys
    assert store(unit(second, first), unit(first), unit(second, second)) == [[1, 1], [2], [2, 3]]
    assert heads() == {first: 2, second: 3}


def test_what_grew_is_told_once_a_stream_with_the_stored_texts(keys) -> None:
    first, second = keys
    store(unit(first))
    growth = {grown.stream: grown for grown in append([unit(first, second), unit(first)], Terms(users.existing)).growth}
    assert {key: (grown.first, grown.head) for key, grown in growth.items()} == {first: (2, 3), second: (1, 1)}
    assert growth[first].bodies == list(Row.objects.filter(stream=first, seq__gt=1).values_list("body", flat=True))
    assert growth[first].epoch == Stream.objects.get(key=first).epoch


def test_a_refused_unit_leaves_its_neighbours_and_no_trace(keys) -> None:
    first, second = keys
    batch = unit(first, run="r"), unit(second, second, run="r"), unit("999999"), unit(first)
    assert store(*batch) == [[1], "run_owned", "unknown_user", [2]]
    assert heads() == {first: 2, second: 0}


def test_a_run_opens_and_ends_with_its_events(keys) -> None:
    first, _ = keys
    ending = [unit(first, run="r", event=event) for event in (AgentStarted(), AgentCompleted(), AgentThinking("Late"))]
    store(*ending)
    run = Run.objects.get()
    assert (run.stream, run.state, run.first_seq, run.last_seq) == (first, "completed", 1, 2)
    assert list(Row.objects.order_by("seq").values_list("after_end", flat=True)) == [False, False, True]


def test_a_try_that_was_stored_after_all_is_answered_as_the_first(keys) -> None:
    first, _ = keys
    tried = unit(first)
    store(tried)
    tried.retried = True
    again = append([tried], Terms(users.existing))
    assert [(receipt.seq, receipt.duplicate) for receipt in again.outcomes[0]] == [(1, False)]
    assert [(grown.stream, grown.head) for grown in again.growth] == [(first, 1)]
    assert Row.objects.count() == 1


def test_the_statements_are_as_many_for_a_hundred_as_for_ten(keys) -> None:
    def statements(number: int) -> int:
        with CaptureQueriesContext(connection) as asked:
            store(*(unit(key) for key in keys * (number // 2)))
        return len([query for query in asked if "INSERT" not in query["sql"]])  # SQLite's are of a few fixed sizes.

    store(unit(*keys))
    assert statements(100) == statements(10)


def test_a_batch_opens_its_own_transaction_or_none(keys) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        append([unit(keys[0])], Terms(users.existing))
    assert heads() == {}


def test_a_database_error_ends_the_callers_transaction(keys) -> None:
    store(unit(keys[0]))
    with transaction.atomic():
        append_here([unit(keys[0])], Terms(users.existing))
        execute("ALTER TABLE emitter_run RENAME COLUMN first_seq TO lost")
        with pytest.raises(TransactionError) as refused:
            append_here([unit(keys[0], run="new")], Terms(users.existing))
    assert refused.value.code == "database_error"
    assert (heads(), Row.objects.count()) == ({keys[0]: 1}, 1)


def test_a_database_error_leaves_nothing_of_a_batch(keys, broken_runs) -> None:
    with pytest.raises(DatabaseError):
        store(unit(keys[0]), unit(keys[1]))
    assert (heads(), Row.objects.count()) == ({}, 0)


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture
def broken_runs(db: None) -> Iterator[None]:
    """The last row that a batch writes fails: a column of the runs has another name."""
    execute("ALTER TABLE emitter_run RENAME COLUMN started_at TO lost")
    yield
    execute("ALTER TABLE emitter_run RENAME COLUMN lost TO started_at")


@pytest.mark.scaled
@pytest.mark.parametrize("known", [True, False])
def test_a_batch_passes_by_a_stream_that_somebody_holds(keys, known) -> None:
    first, second = keys
    if known:
        store(unit(first))
    with stored_but_open(unit(first)):
        assert store(unit(first), unit(second), unit(first, second)) == [None, [1], None]
    assert store(unit(first)) == [[3 if known else 2]]


@pytest.mark.scaled
def test_a_batch_passes_by_a_run_that_somebody_makes(keys) -> None:
    first, second = keys
    store(unit(*keys))
    with stored_but_open(unit(first, run="new")):
        assert store(unit(second, run="new"), unit(second)) == [None, [2]]
    assert store(unit(second, run="new")) == ["run_owned"]


@pytest.mark.scaled
def test_orders_that_cross_do_not_deadlock_within_one_call(keys, pool) -> None:
    def rounds(order: list[str]) -> None:
        for _ in range(40):
            with transaction.atomic():
                append_here([unit(key) for key in order], Terms(users.existing))

    there = pool.submit(rounds, keys[::-1])
    rounds(keys)
    there.result(PATIENCE)
    assert [faults_of(key).faults for key in keys] == [[], []]
    assert set(heads().values()) == {80}


@pytest.mark.scaled
def test_orders_that_cross_do_not_deadlock_over_new_users(keys, pool) -> None:
    both = threading.Barrier(2)

    def admit_together(asked: Collection[str]) -> Collection[str]:
        with suppress(threading.BrokenBarrierError):
            both.wait(0.3)  # In one order the second caller cannot come here before the first has ended.
        return users.existing(asked)

    def emit_in_order(order: list[str]) -> None:
        with transaction.atomic():
            append_here([unit(key) for key in order], Terms(admit_together))

    there = pool.submit(emit_in_order, keys[::-1])
    emit_in_order(keys)
    there.result(PATIENCE)
    assert set(heads().values()) == {2}


@pytest.mark.scaled
def test_two_callers_who_meet_new_users_do_not_deadlock(keys, pool) -> None:
    first, second = keys
    admitting, go_on = threading.Event(), threading.Event()

    def admit(asked: Collection[str]) -> Collection[str]:
        admitting.set()
        go_on.wait(PATIENCE)
        return users.existing(asked)

    def emit_to_both(admit: Callable[[Collection[str]], Collection[str]]) -> Any:
        with transaction.atomic():
            return append_here([unit(first, second)], Terms(admit)).outcomes

    with stored_but_open(unit(first)):
        there = pool.submit(emit_to_both, admit)
        done_or_waiting(there)
    assert admitting.wait(PATIENCE)
    here = pool.submit(emit_to_both, users.existing)
    done_or_waiting(here)
    go_on.set()
    numbers = [[receipt.seq for receipt in outcomes.result(PATIENCE)[0]] for outcomes in (there, here)]
    assert sorted(numbers) == [[2, 1], [3, 2]]


def done_or_waiting(work: Future[Any]) -> None:
    """Returns when the work is done or waits for a lock that another connection holds."""
    for _ in range(1_000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if work.done() or cursor.fetchone()[0]:
                return
            cursor.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("it neither ended nor waited for a lock")
