"""``manage.py verify_log``: finds each fault that it promises, and none in a log that is being written."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from emitter.context import RunContext
from emitter.events import AgentStarted, AgentThinking
from emitter.log.retention import new_epoch
from emitter.log.verify import faults_of
from emitter.models import Device, Event, Stream
from emitter.policy.users import key_of
from emitter.service import emitter

from .commands import PATIENCE, Process, told

pytestmark = pytest.mark.django_db(transaction=True)
DEVICE = "INSERT INTO emitter_device (stream, name, epoch, position, seen_at) SELECT key, 'phone', epoch, 9, "
FAULTS = {
    "DELETE FROM emitter_event WHERE seq = 1": "#1 to #1 are missing",
    "DELETE FROM emitter_event WHERE seq IN (2, 3)": "#2 to #3 are missing",
    "DELETE FROM emitter_event WHERE seq = 4": "the head is #4 and the last event #3",
    "UPDATE emitter_event SET seq = 9 WHERE seq = 4": "#4 to #8 are missing",
    "UPDATE emitter_stream SET head = 9": "the head is #9 and the last event #4",
    "UPDATE emitter_stream SET head = 3": "the head is #3 and the last event #4",
    "UPDATE emitter_stream SET pruned_to = 2": "#2 is there, and the stream says that all up to #2 went",
    "DELETE FROM emitter_stream": "the head is #0 and the last event #4",
    "UPDATE emitter_event SET body = replace(body, '\"seq\":2', '\"seq\":7')": "#2: its text says seq 7 and its row 2",
    'UPDATE emitter_event SET body = replace(body, \'"id":"\', \'"id":"x\')': "#1: its text says id 'x",
    "UPDATE emitter_event SET type = 'agent_death' WHERE seq = 2": "#2: its text says type 'agent_thinking'",
    "UPDATE emitter_event SET run = 'x' WHERE seq = 2": "#2: its text says run_id 'r' and its row 'x'",
    "UPDATE emitter_event SET body = '{' WHERE seq = 2": "#2: its text is not JSON",
    "UPDATE emitter_event SET body = '[]' WHERE seq = 2": "#2: its text is not JSON",
    "UPDATE emitter_run SET stream = 'somebody'": "run r: belongs to 'somebody' and has events here",
    "DELETE FROM emitter_run": "run r: has events and no row",
    DEVICE + "CURRENT_TIMESTAMP FROM emitter_stream": "device phone: acknowledged #9, above the head #4",
}


@pytest.fixture
def filled(key) -> str:
    """A stream of four events in one run."""
    emitter.emit_many([(RunContext(key, run_id="r"), AgentThinking("t"))] * 4)
    return key


@pytest.mark.parametrize("statement", FAULTS)
def test_it_finds(filled, statement) -> None:
    assert told("verify_log") == "4 events of 1 streams: no fault.\n"
    with connection.cursor() as cursor:
        cursor.execute(statement)
    out = StringIO()
    with pytest.raises(CommandError, match=r"faults? in \d events of 1 streams"):
        call_command("verify_log", stdout=out)
    assert f"{filled}: {FAULTS[statement]}" in out.getvalue()


def test_the_exit_code_tells_a_script(filled, server_environment) -> None:
    with Process(server_environment, "verify_log") as sound:
        assert sound.process.wait(PATIENCE) == 0
    Stream.objects.update(head=9)
    with Process(server_environment, "verify_log") as unsound:
        assert unsound.process.wait(PATIENCE) == 1


def test_one_users_log_alone(filled, bob) -> None:
    emitter.emit(RunContext(key_of(bob), run_id="of-bob"), AgentStarted())
    Event.objects.filter(stream=filled, seq=2).delete()
    assert told("verify_log", "--user", "bob") == "1 events of 1 streams: no fault.\n"
    with pytest.raises(CommandError, match="1 faults in 3 events of 1 streams"):
        told("verify_log", "--user", "alice")


def test_a_user_without_a_stream_has_no_fault_and_a_stranger_is_named(key) -> None:
    assert told("verify_log", "--user", "alice") == "0 events of 1 streams: no fault.\n"
    with pytest.raises(CommandError, match="unknown_user"):
        told("verify_log", "--user", "nobody")


def test_a_position_of_another_epoch_is_no_fault(filled) -> None:
    Device.objects.create(stream=filled, name="phone", epoch=Stream.objects.get().epoch, position=9)
    new_epoch(filled)
    assert faults_of(filled).faults == []


def test_what_is_written_meanwhile_is_no_fault(filled, pool) -> None:
    """Between the look at the stream and the look at its events, and so on, somebody emits."""

    def disturb(execute: Any, statement: str, *rest: Any) -> Any:
        result = execute(statement, *rest)
        if statement.startswith("SELECT"):
            pool.submit(emitter.emit, RunContext(filled, run_id="other"), AgentThinking("t")).result(60)
        return result

    with connection.execute_wrapper(disturb):
        report = faults_of(filled)
    assert (report.faults, report.events) == ([], 4)
    assert Stream.objects.get().head > 4
