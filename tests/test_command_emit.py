"""``manage.py emit``: one event from the arguments, or lines of JSON from standard input."""

import subprocess
import sys
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError
from uuid_utils.compat import uuid7

from emitter.models import Event
from emitter.policy.users import key_of
from emitter.service import emitter

from .commands import PATIENCE, Process, beside, told
from .contention import context, held, lock_stream, thought

pytestmark = pytest.mark.django_db(transaction=True)
ONE = ("emit", "--user", "alice", "--run", "r", "--type", "agent_started")
OLD = "01000000-0000-7000-8000-000000000000"


def item(**changes: Any) -> bytes:
    return msgspec.json.encode({"user": "alice", "run": "r", "type": "agent_thinking", "payload": {}, **changes})


def with_payload(payload: bytes) -> bytes:
    return item()[:-3] + payload + b"}"


@pytest.fixture
def emit(server_environment):
    with Process(server_environment, "emit", "--stdin") as process:
        yield process


# One ------------------------------------------------------------------------------------------------------------------


def test_prints_the_receipt_on_one_line(key) -> None:
    line = told(*ONE, "--payload", '{"message": "Why?\\n"}')
    assert (line.count("\n"), msgspec.json.decode(line)["seq"]) == (1, 1)
    assert msgspec.json.decode(Event.objects.get().body)["payload"] == {"message": "Why?\n"}


def test_every_option_has_its_place_in_the_event(key) -> None:
    event_id = str(uuid7())
    told(*ONE, "--thread", "t", "--agent", "coder", "--event-id", event_id)
    event = msgspec.json.decode(Event.objects.get().body)
    assert (event["id"], event["thread_id"], event["agent_name"]) == (event_id, "t", "coder")


def test_the_same_id_again_answers_the_same(key) -> None:
    again = (*ONE, "--event-id", str(uuid7()))
    first, second = (msgspec.json.decode(told(*again)) for _ in range(2))
    assert (second["seq"], second["event_id"], second["duplicate"]) == (first["seq"], first["event_id"], True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--user", "alice"], "Give --run, --type, or --stdin"),
        ([*ONE[1:], "--user", "nobody"], "unknown_user"),
        ([*ONE[1:], "--user", "\udcff"], "unknown_user"),
        ([*ONE[1:], "--type", "agent_strated"], "unknown_type"),
        ([*ONE[1:], "--run", " r"], "bad_id"),
        ([*ONE[1:], "--payload", "{"], "broken_json"),
        ([*ONE[1:], "--payload", ""], "broken_json"),
        ([*ONE[1:], "--payload", "[1]"], "payload_not_object"),
        ([*ONE[1:], "--event-id", "7"], "bad_event_id"),
        (["--stdin", "--user", "alice"], "With --stdin each line says its user"),
    ],
)
def test_says_what_was_wrong(key, arguments, words) -> None:
    with pytest.raises(CommandError, match=words):
        told("emit", *arguments)
    assert not Event.objects.exists()


def test_a_key_that_is_anothers_name_is_ambiguous(alice, bob) -> None:
    alice.username = key_of(bob)
    alice.save()
    with pytest.raises(CommandError, match="ambiguous_user"):
        told(*ONE, "--user", key_of(bob))


# Lines ----------------------------------------------------------------------------------------------------------------


def test_one_answer_a_line_in_order_and_the_rest_is_done(key, emit) -> None:
    event_id = str(uuid7())
    lines = [
        (item(), 1),
        (b"{broken", "broken_json"),
        (item(user="nobody"), "unknown_user"),
        (item(user="nul\x00"), "unknown_user"),
        (item()[:-1] + b',"user":"\\ud83d"}', "unknown_user"),
        (item(type="nonsense"), "unknown_type"),
        (item(payload=[]), "payload_not_object"),
        (item(payload={"x": "y" * 70_000}), "payload_too_large"),
        (with_payload(b'{"a":' * 64 + b"1" + b"}" * 64), "payload_too_deep"),
        (with_payload(b'{"n":NaN}'), "payload_not_finite"),
        (with_payload(b'{"s":"\\ud83d"}'), "payload_bad_text"),
        (item(run="nul\x00"), "bad_id"),
        (item(color="red"), "bad_field"),
        (b"[]", "bad_request"),
        (b"", "broken_json"),
        (b"\xff\xfe", "broken_json"),
        (item(event_id=event_id, payload={"n": 1}), 2),
        (item(event_id=event_id, payload={"n": 2}), "event_id_conflict"),
        (item(event_id=event_id, payload={"n": 1}), 2),
        (item(event_id=OLD), "event_id_window"),
        (item(event_id="7"), "bad_event_id"),
        (item(), 3),
    ]
    answers, code, error = emit.end(b"\n".join(line for line, _ in lines))
    assert [answer.get("code", answer.get("seq")) for answer in answers] == [expected for _, expected in lines]
    refused = [place for place, (_, expected) in enumerate(lines, 1) if isinstance(expected, str)]
    assert [answer["line"] for answer in answers if answer.get("detail")] == refused
    assert (code, Event.objects.count()) == (1, 3)
    assert f"{len(refused)} of {len(lines)} lines were not stored" in error


def test_lines_count_on_beyond_what_is_stored_together(key, emit) -> None:
    answers, code, _ = emit.end(b"\n".join([item()] * 1_200 + [b"{broken"]))
    assert [answer["seq"] for answer in answers[:-1]] == list(range(1, 1_201))
    assert (answers[-1]["line"], answers[-1]["code"], code) == (1_201, "broken_json", 1)


def test_a_slow_producer_gets_each_receipt_before_it_goes_on(key, emit) -> None:
    for seq in (1, 2, 3):
        emit.say(item())
        assert emit.hear()["seq"] == seq
    assert emit.end() == ([], 0, "")


@pytest.mark.scaled
def test_an_overload_is_told_on_each_line_that_waited(alice, bob, server_environment) -> None:
    emitter.emit(context(alice), thought())
    hurried = {**server_environment, "DJANGO_SETTINGS_MODULE": "tests.strict_settings", "TEST_EMIT_DEADLINE": "0.1"}
    with Process(hurried, "emit", "--stdin") as emit, held(lambda: lock_stream(alice)):
        emit.say(item())
        assert emit.hear()["code"] == "emitter_overloaded"
        emit.say(b"{broken")
        assert emit.hear()["code"] == "broken_json"
    assert not Event.objects.filter(seq=2).exists()


def test_ambiguous_on_a_line_too(alice, bob, emit) -> None:
    alice.username = key_of(bob)
    alice.save()
    (answer,), code, _ = emit.end(item(user=key_of(bob)))
    assert (answer["line"], answer["code"], code) == (1, "ambiguous_user", 1)


def test_a_user_is_named_by_key_or_by_name(key, emit) -> None:
    answers, code, _ = emit.end(item(user=key) + b"\n" + item())
    assert ([answer["seq"] for answer in answers], code) == ([1, 2], 0)


def test_nothing_in_is_nothing_out(key, emit) -> None:
    assert emit.end() == ([], 0, "")


def test_what_cannot_be_read_is_no_end(key, server_environment) -> None:
    with open("/dev/null", "wb") as unreadable:
        command = [sys.executable, "manage.py", "emit", "--stdin"]
        done = subprocess.run(
            command, env=beside(server_environment), stdin=unreadable, capture_output=True, timeout=PATIENCE
        )
    assert done.returncode == 1
    assert b"Standard input cannot be read" in done.stderr


def test_when_nobody_reads_the_receipts_it_says_so(key, emit) -> None:
    emit.say(item())
    assert emit.hear()["seq"] == 1
    emit.process.stdout.close()
    emit.say(item())
    code, error = emit.leave()
    assert (code, error.count("\n")) == (1, 1)
    assert error.startswith("CommandError: Nobody reads the receipts")
