"""A connection that breaks at the worst moment: the emit is tried again within its deadline and stored once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from emitter.context import RunContext
from emitter.errors import TransactionError
from emitter.events import AgentThinking
from emitter.log.verify import faults_of
from emitter.models import Event, Stream
from emitter.service import Receipt, emitter

from .contention import standby, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def context(key: str) -> RunContext:
    emitter.emit(RunContext(key, run_id="r"), AgentThinking("before"))
    return RunContext(key, run_id="r")


@pytest.fixture
def caller() -> Iterator[ThreadPoolExecutor]:
    """Another thread, with a connection that is closed when the test ends."""
    with ThreadPoolExecutor(1) as executor:
        yield executor
        executor.submit(connections.close_all)


class KilledAt:
    """Ends the backend of the connection, once, when it is about to execute a statement that begins so."""

    def __init__(self, beginning: str) -> None:
        self.beginning = beginning
        self.killed = False

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(self.beginning) and not self.killed:
            self.killed = True
            with context["connection"].copy().cursor() as other:
                other.execute("SELECT pg_terminate_backend(%s)", [backend(context["connection"])])
                other.db.close()
        return execute(sql, params, many, context)


def backend(connection: BaseDatabaseWrapper) -> int:
    pid: int = connection.connection.info.backend_pid
    return pid


def emit_and_be_killed(context: RunContext, fault: KilledAt) -> Receipt:
    with connection.execute_wrapper(fault):
        return emitter.emit(context, AgentThinking("Hm"))


@pytest.mark.scaled
@pytest.mark.parametrize("statement", ["SELECT key", "INSERT INTO emitter_event", "UPDATE emitter_stream"])
def test_a_backend_that_is_killed_in_the_middle_costs_a_retry(context, key, caller, statement) -> None:
    fault = KilledAt(statement)
    receipt = caller.submit(emit_and_be_killed, context, fault).result(60)
    assert fault.killed
    assert (receipt.seq, receipt.duplicate) == (2, False)
    assert faults_of(key).faults == []


@pytest.mark.scaled
def test_in_the_callers_transaction_it_is_told_and_nothing_is_stored(context, key, caller) -> None:
    def emit_in_transaction() -> str:
        with connection.execute_wrapper(KilledAt("INSERT INTO emitter_event")):
            try:
                with transaction.atomic():
                    emitter.emit(context, AgentThinking("Hm"))
            except TransactionError as error:
                return error.code
        return "stored"

    assert caller.submit(emit_in_transaction).result(60) == "database_error"
    assert Stream.objects.get().head == 1
    assert caller.submit(emitter.emit, context, AgentThinking("after")).result(60).seq == 2


def disk_error(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
    if sql.startswith("INSERT INTO emitter_event"):
        raise OperationalError("disk I/O error")
    return execute(sql, *rest)


def test_a_caller_who_swallows_the_error_stores_nothing_and_nobody_is_told(context) -> None:
    told: list[str] = []
    with transaction.atomic():
        emitter.emit(context, AgentThinking("first"))
        transaction.on_commit(lambda: told.append("committed"))
        with connection.execute_wrapper(disk_error), pytest.raises(TransactionError, match="database_error"):
            emitter.emit(context, AgentThinking("second"))
    assert (Event.objects.count(), told) == (1, [])


@pytest.fixture
def lost_confirmation(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The next commit is made, but its confirmation does not come back."""
    lost: list[str] = []
    commit = BaseDatabaseWrapper._commit

    def _commit(self: BaseDatabaseWrapper) -> Any:
        done = commit(self)
        if not lost:
            lost.append("the confirmation")
            raise OperationalError("disk I/O error: the connection was closed during the commit")
        return done

    monkeypatch.setattr(BaseDatabaseWrapper, "_commit", _commit)
    return lost


def test_a_commit_whose_confirmation_is_lost_is_not_made_twice(context, key, lost_confirmation) -> None:
    receipt = emitter.emit(context, AgentThinking("Hm"))
    assert lost_confirmation
    assert (receipt.seq, receipt.duplicate) == (2, False)
    assert Event.objects.get(event_id=receipt.event_id).seq == 2
    assert faults_of(key).faults == []


def test_of_a_batch_too(context, key, lost_confirmation) -> None:
    receipts = emitter.emit_many([(context, AgentThinking("a")), (context, AgentThinking("b"))])
    assert lost_confirmation
    assert [(receipt.seq, receipt.duplicate) for receipt in receipts] == [(2, False), (3, False)]
    assert Event.objects.count() == 3


@pytest.mark.scaled
def test_a_primary_that_becomes_a_standby_is_left_and_its_events_wait(
    key, context, caller, configure, tmp_path
) -> None:
    before = caller.submit(connected_to).result(60)
    configure(SPOOL_FOLDER=str(tmp_path), EMIT_DEADLINE=4)
    with standby():
        emitting = [caller.submit(emitter.emit, context, AgentThinking(text)) for text in ("meanwhile", "and again")]
        assert [waiting.result(60).spooled for waiting in emitting] == [True, True]
    until(lambda: Stream.objects.get(key=key).head == 3)
    assert caller.submit(connected_to).result(60) != before
    assert faults_of(key).faults == []


def connected_to() -> int:
    connection.ensure_connection()
    return backend(connection)
