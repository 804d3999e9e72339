"""``manage.py tail_events``."""

import pytest
from django.core.management import CommandError

from emitter import log
from emitter.context import RunContext
from emitter.events import AgentStarted, AgentThinking
from emitter.policy.users import key_of
from emitter.service import emitter

from .commands import Process, told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def filled(key, bob) -> str:
    """Alice has two runs of two events, one after the other in turn; bob has one event."""
    for run in ("one", "two", "one", "two"):
        emitter.emit(RunContext(key, run_id=run), AgentThinking("x" * 300))
    emitter.emit(RunContext(key_of(bob), run_id="of-bob"), AgentStarted())
    return key


def numbers(*arguments: str) -> list[str]:
    return [line.split()[2] for line in told("tail_events", *arguments).splitlines()]


def test_everybodys_events_or_one_users(filled) -> None:
    assert numbers() == ["#1", "#2", "#3", "#4", "#1"]
    assert numbers("--user", "alice") == numbers("--user", filled) == ["#1", "#2", "#3", "#4"]


def test_one_runs_events(filled) -> None:
    assert numbers("--run", "two") == ["#2", "#4"]
    assert numbers("--run", "two", "--user", "bob") == []


def test_only_what_comes_after_a_number(filled) -> None:
    assert numbers("--user", "alice", "--after", "3") == numbers("--run", "two", "--after", "2") == ["#4"]
    assert numbers("--user", "alice", "--after", "4") == []


def test_a_line_for_people_is_short(filled) -> None:
    line = told("tail_events", "--user", "alice", "--after", "3")
    assert f"{filled}  #4  two  agent_thinking" in line
    assert "characters)" in line
    assert len(line) < 250


def test_a_line_for_machines_is_the_text_on_the_wire(filled) -> None:
    bodies = [stored.body for stored in log.read_after(filled, 0)]
    assert told("tail_events", "--user", "alice", "--json").splitlines() == bodies


def test_more_than_one_page(key) -> None:
    emitter.emit_many([(RunContext(key, run_id="r"), AgentThinking("t"))] * (2 * log.read.PAGE + 1))
    assert len(numbers("--run", "r")) == 2 * log.read.PAGE + 1


def test_a_run_or_a_user_that_is_not_there(key) -> None:
    with pytest.raises(CommandError, match="not_found: there is no run 'nowhere'"):
        told("tail_events", "--run", "nowhere")
    with pytest.raises(CommandError, match="unknown_user"):
        told("tail_events", "--user", "nobody")


@pytest.mark.parametrize("whose", [[], ["--user", "bob"]])
def test_it_follows_also_a_stream_that_begins_later(key, bob, server_environment, whose) -> None:
    emitter.emit(RunContext(key, run_id="r"), AgentStarted())
    with Process(server_environment, "tail_events", "--follow", "--json", *whose) as tail:
        if not whose:
            assert tail.hear()["seq"] == 1
        for run, thought in (("a", "first"), ("b", "second")):
            emitter.emit(RunContext(key_of(bob), run_id=run), AgentThinking(thought))
            assert tail.hear()["payload"] == {"thought": thought}


def test_it_ends_quietly_when_nobody_reads_on(key, server_environment) -> None:
    emitter.emit(RunContext(key, run_id="r"), AgentStarted())
    with Process(server_environment, "tail_events", "--follow", "--json") as tail:
        assert tail.hear()["seq"] == 1
        tail.process.stdout.close()
        emitter.emit(RunContext(key, run_id="r"), AgentThinking())
        assert tail.leave() == (0, "")
