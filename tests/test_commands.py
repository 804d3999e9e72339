"""The commands, as a person calls them."""

import subprocess
import sys
from io import StringIO
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class
from uuid_utils.compat import uuid7

from emitter import log
from emitter.context import RunContext
from emitter.events import AgentStarted, AgentThinking
from emitter.models import Device, Event, Run, Stream
from emitter.policy import identity
from emitter.policy.users import key_of
from emitter.service import emitter

pytestmark = pytest.mark.django_db(transaction=True)
OURS = sorted(name for name, app in get_commands().items() if app == "emitter")


@pytest.fixture
def key(alice) -> str:
    return key_of(alice)


def told(command: str, *arguments: str) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


class Emit:
    """`manage.py emit --stdin` as a process: lines in, lines out."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "emit", "--stdin"], env=environment, stdin=-1, stdout=-1, stderr=-1
        )

    def say(self, line: bytes) -> dict[str, Any]:
        """One line, and its answer before the next is sent."""
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()
        return msgspec.json.decode(self.process.stdout.readline())

    def all(self, lines: bytes) -> tuple[list[dict[str, Any]], int]:
        output, _ = self.process.communicate(lines, timeout=60)
        return [msgspec.json.decode(line) for line in output.splitlines()], self.process.returncode


def item(**changes: Any) -> bytes:
    return msgspec.json.encode({"user": "alice", "run": "r", "type": "agent_thinking", "payload": {}, **changes})


# emit -----------------------------------------------------------------------------------------------------------------


def test_emit_prints_the_receipt(key) -> None:
    line = told("emit", "--user", "alice", "--run", "r", "--type", "agent_thinking", "--payload", '{"thought": "Hm"}')
    receipt = msgspec.json.decode(line)
    assert (receipt["seq"], receipt["duplicate"]) == (1, False)
    assert line.count("\n") == 1
    event_id = str(uuid7())
    arguments = ("emit", "--user", key, "--run", "r", "--type", "agent_started", "--event-id", event_id)
    assert [msgspec.json.decode(told(*arguments))["duplicate"] for _ in range(2)] == [False, True]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--user", "alice"], "Give --run, --type, or --stdin"),
        (["--user", "nobody", "--run", "r", "--type", "agent_started"], "unknown_user"),
        (["--user", "alice", "--run", "r", "--type", "agent_strated"], "unknown_type"),
        (["--user", "alice", "--run", "r", "--type", "agent_started", "--payload", "{"], "broken_json"),
    ],
)
def test_emit_says_what_was_wrong(key, arguments, words) -> None:
    with pytest.raises(CommandError, match=words):
        told("emit", *arguments)


def test_a_key_that_is_anothers_name_is_ambiguous(alice, bob) -> None:
    alice.username = key_of(bob)
    alice.save()
    with pytest.raises(CommandError, match="ambiguous_user"):
        told("emit", "--user", key_of(bob), "--run", "r", "--type", "agent_started")


def test_lines_one_answer_each_in_order_and_the_rest_is_done(key, server_environment) -> None:
    event_id = str(uuid7())
    lines = [
        (item(), 1),
        (b"{broken", "broken_json"),
        (item(user="nobody"), "unknown_user"),
        (item(type="nonsense"), "unknown_type"),
        (item(payload=[]), "payload_not_object"),
        (item(payload={"x": "y" * 70_000}), "payload_too_large"),
        (b'{"user":"alice","run":"r","type":"agent_thinking","payload":' + b'{"a":' * 64 + b"1" + b"}" * 65,
         "payload_too_deep"),
        (b'{"user":"alice","run":"r","type":"agent_thinking","payload":{"n":NaN}}', "payload_not_finite"),
        (b'{"user":"alice","run":"r","type":"agent_thinking","payload":{"s":"\\ud83d"}}', "payload_bad_text"),
        (b'{"user":"alice","run":"nul\\u0000","type":"agent_thinking"}', "bad_id"),
        (b"", "broken_json"),
        (b"\xff\xfe", "broken_json"),
        (item(event_id=event_id, payload={"n": 1}), 2),
        (item(event_id=event_id, payload={"n": 2}), "event_id_conflict"),
        (item(event_id="01000000-0000-7000-8000-000000000000"), "event_id_window"),
        (item(event_id="7"), "bad_event_id"),
        (item(), 3),
    ]  # fmt: skip
    answers, code = Emit(server_environment).all(b"\n".join(line for line, _ in lines))
    assert [answer.get("code", answer.get("seq")) for answer in answers] == [expected for _, expected in lines]
    assert [answer["line"] for answer in answers if "code" in answer][:2] == [2, 3]
    assert all(answer["detail"] for answer in answers if "code" in answer)
    assert code == 1


def test_a_slow_producer_gets_each_receipt_before_it_goes_on(key, server_environment) -> None:
    emit = Emit(server_environment)
    assert [emit.say(item())["seq"] for _ in range(3)] == [1, 2, 3]
    assert emit.all(b"") == ([], 0)


# tail_events ----------------------------------------------------------------------------------------------------------


def test_tail_prints_the_stream(key, bob) -> None:
    for run in ("one", "two"):
        emitter.emit(RunContext(key, run_id=run), AgentThinking("x" * 300))
    emitter.emit(RunContext(key_of(bob), run_id="of-bob"), AgentStarted())
    assert len(told("tail_events").splitlines()) == 3
    assert [line.split()[2] for line in told("tail_events", "--user", "alice").splitlines()] == ["#1", "#2"]
    assert told("tail_events", "--run", "two", "--json").strip() == log.read_after(key, 1)[0].body
    assert len(told("tail_events", "--user", "alice", "--after", "1").splitlines()) == 1
    assert "characters)" in told("tail_events", "--user", "alice")
    with pytest.raises(CommandError, match="there is no run"):
        told("tail_events", "--run", "nowhere")


def test_tail_follows(key, server_environment) -> None:
    emitter.emit(RunContext(key, run_id="r"), AgentStarted())
    command = [sys.executable, "manage.py", "tail_events", "--follow", "--json"]
    with subprocess.Popen(command, env=server_environment, stdout=-1) as tail:
        assert b'"seq":1' in tail.stdout.readline()
        emitter.emit(RunContext(key, run_id="r"), AgentThinking("later"))
        assert b'"seq":2' in tail.stdout.readline()
        tail.terminate()


# verify_log -----------------------------------------------------------------------------------------------------------


def spoil_number() -> None:
    Event.objects.filter(seq=2).delete()


def spoil_head() -> None:
    Stream.objects.update(head=9)


def spoil_text() -> None:
    row = Event.objects.get(seq=2)
    Event.objects.filter(seq=2).update(body=row.body.replace('"seq":2', '"seq":7'))


def spoil_json() -> None:
    Event.objects.filter(seq=2).update(body="{")


def spoil_owner() -> None:
    Run.objects.update(stream="somebody")


def spoil_run() -> None:
    Run.objects.all().delete()


def spoil_device() -> None:
    stream = Stream.objects.get()
    Device.objects.create(stream=stream.key, name="phone", epoch=stream.epoch, position=9)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_number, "#2 to #2 are missing"),
        (spoil_head, "the head is #9 and the last event #3"),
        (spoil_text, "#2: its text says seq 7 and its row 2"),
        (spoil_json, "#2: its text is not JSON"),
        (spoil_owner, "run r: belongs to 'somebody'"),
        (spoil_run, "run r: has events and no row"),
        (spoil_device, "device phone: acknowledged #9, above the head #3"),
    ],
)
def test_verify_finds(key, capsys, spoil, words) -> None:
    for _ in range(3):
        emitter.emit(RunContext(key, run_id="r"), AgentThinking("t"))
    assert told("verify_log") == "3 events of 1 streams: no fault.\n"
    spoil()
    with pytest.raises(CommandError, match=r"faults? in"):
        call_command("verify_log", "--user", "alice")
    assert words in capsys.readouterr().out


# create_token ---------------------------------------------------------------------------------------------------------


def test_a_token_names_its_user_and_may_emit_only_if_asked(key) -> None:
    plain, emitting = (told("create_token", "--user", "alice", *more).strip() for more in ([], ["--emit"]))
    assert identity.of_token(plain).key == key
    assert [identity.of_token(token).may_emit for token in (plain, emitting)] == [False, True]


@pytest.mark.parametrize("expires", ["1", "1y", "0h", ""])
def test_a_duration_is_a_number_and_a_unit(key, expires) -> None:
    with pytest.raises(CommandError, match="duration"):
        told("create_token", "--user", "alice", "--expires", expires)


@pytest.mark.parametrize("name", OURS)
def test_every_command_explains_itself(name) -> None:
    command = load_command_class("emitter", name)
    assert len(command.help) > 60
    arguments = [action for action in command.create_parser("manage.py", name)._actions if action.dest not in DJANGOS]
    assert [action.dest for action in arguments if not action.help] == []


DJANGOS = {"help", "version", "verbosity", "settings", "pythonpath", "traceback", "no_color", "force_color"}
