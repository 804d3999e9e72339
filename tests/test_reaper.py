"""Every run ends: leases, the reaper, and the loop that calls it."""

import asyncio
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from emitter import jobs
from emitter.context import RunContext
from emitter.events import AgentCompleted, AgentStarted, AgentThinking
from emitter.log.leases import orphans
from emitter.models import Duty, Event, Run
from emitter.reaper import reap
from emitter.service import RunEnded, emitter
from emitter.service.leases import keeper
from emitter.testing import aassert_run_complete, assert_run_complete

pytestmark = pytest.mark.django_db(transaction=True)
PAST = timedelta(minutes=20)


@pytest.fixture
def key(alice) -> str:
    return str(alice.pk)


def lapse(run: str) -> None:
    """As if the lease had been renewed for the last time twenty minutes ago."""
    Run.objects.filter(id=run).update(lease_until=timezone.now() - PAST)


def test_an_open_run_has_a_lease_and_is_no_orphan(key) -> None:
    with emitter.run(RunContext(key, run_id="r")):
        lease = Run.objects.get(id="r").lease_until
        assert timedelta(seconds=20) < lease - timezone.now() < timedelta(seconds=31)
        assert orphans() == []


def test_a_lapsed_run_dies_truthfully(key) -> None:
    emitter.emit(RunContext(key, run_id="r"), AgentStarted("Why?"))
    lapse("r")
    assert reap() == ["r"]
    death = assert_run_complete("r")[-1]
    assert (death.type, death.payload["death_cause"]) == ("agent_death", "worker_lost")
    assert Run.objects.get(id="r").state == "died"
    assert reap() == []


def test_a_run_fed_event_by_event_is_reaped_when_idle(key) -> None:
    for run in ("idle", "busy"):
        emitter.emit(RunContext(key, run_id=run), AgentStarted())
    Run.objects.update(started_at=timezone.now() - PAST)
    Event.objects.filter(run="idle").update(created_at=timezone.now() - PAST)
    assert reap() == ["idle"]


def test_the_command_prints_what_it_ended(key, capsys) -> None:
    emitter.emit(RunContext(key, run_id="r"), AgentStarted())
    lapse("r")
    call_command("reap_runs")
    assert capsys.readouterr().out == "r\n"


def test_what_comes_after_the_death_stops_its_producer(key) -> None:
    with emitter.run(RunContext(key, run_id="r")) as run:
        lapse("r")
        reap()
        with pytest.raises(RunEnded):
            run.thinking("still here")
    flags = [event.after_end for event in assert_run_complete("r")]
    assert flags == [False, False, True]


async def test_a_run_that_is_ended_elsewhere_cancels_its_task(key) -> None:
    context = RunContext(key, run_id="r")
    opened = asyncio.Event()

    async def work() -> None:
        async with emitter.arun(context):
            opened.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await opened.wait()
    await emitter.aemit(context, AgentCompleted(status="cancelled"))
    await asyncio.to_thread(keeper.round)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [event.type for event in await aassert_run_complete("r")] == ["agent_started", "agent_completed"]


async def test_a_run_that_ended_by_itself_cancels_nobody(key) -> None:
    async with emitter.arun(RunContext(key, run_id="r")) as run:
        await run.emit(AgentThinking("x"))
        held = dict(keeper._held)
    keeper._held.update(held)  # As the keeper's round would have it that began just before the end.
    keeper.release("r")
    await asyncio.to_thread(keeper.round)
    await asyncio.sleep(0)
    assert asyncio.current_task().cancelling() == 0


def test_the_run_of_a_killed_process_is_reaped(key, server_environment) -> None:
    script = (
        "import django, sys; django.setup()\n"
        "from emitter.context import RunContext; from emitter.service import emitter\n"
        f"with emitter.run(RunContext({key!r}, run_id='r')):\n"
        "    print('open', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script]
    environment = {**server_environment, "DJANGO_SETTINGS_MODULE": "netra_events.settings"}
    with subprocess.Popen(command, env=environment, stdin=-1, stdout=-1, text=True) as worker:
        assert worker.stdout.readline() == "open\n"
        worker.send_signal(signal.SIGKILL)
    assert reap() == []
    lapse("r")
    assert reap() == ["r"]


def test_one_process_at_a_time_has_a_duty() -> None:
    assert [jobs.take("reap", holder, 60) for holder in ("a", "b", "a")] == [True, False, True]
    Duty.objects.update(until=timezone.now() - PAST)
    assert [jobs.take("reap", holder, 60) for holder in ("b", "a")] == [True, False]


def test_the_loop_does_what_is_due_and_waits_for_the_rest(key) -> None:
    emitter.emit(RunContext(key, run_id="r"), AgentStarted())
    lapse("r")
    due: dict[str, float] = {}
    jobs.loop.do_due(due, now=100.0)
    assert Run.objects.get(id="r").state == "died"
    assert {name for name, when in due.items() if when == 105.0} == {"adopt", "reap", "budgets"}
    assert {name for name, when in due.items() if when == 3_700.0} == {"prune", "refusals", "prune_migration"}
