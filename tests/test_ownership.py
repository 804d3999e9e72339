"""Whose a run is, and what an event is told of its own failure."""

import pytest
from django.db import OperationalError
from uuid_utils.compat import uuid7

from emitter import log, metrics
from emitter.context import RunContext
from emitter.errors import EmitterError, EmitterUnavailable, EventRefused
from emitter.events import AgentStarted
from emitter.service import acontext_of, context_of, emitter

pytestmark = pytest.mark.django_db(transaction=True)


def counted(source: str) -> float:
    """Events that came in by a source, of all types and tiers."""
    samples = [sample for family in metrics.EVENTS.collect() for sample in family.samples]
    return sum(one.value for one in samples if one.labels["source"] == source and one.name.endswith("_total"))


async def test_a_run_tells_its_user_and_thread(key) -> None:
    context = RunContext(key, "thread-7", "run-19", "analyst")
    await emitter.aemit(context, AgentStarted())
    assert await acontext_of("run-19") == context


@pytest.mark.parametrize("run", ["run-19", "", "nul\x00"])
def test_an_unknown_run_is_refused_by_name(run, db) -> None:
    with pytest.raises(EventRefused) as caught:
        context_of(run)
    assert caught.value.code == "unknown_run"


def test_a_database_that_is_away_is_a_named_error(monkeypatch) -> None:
    def away(_: str) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(log, "run_of", away)
    with pytest.raises(EmitterUnavailable) as caught:
        context_of("run-19")
    assert caught.value.code == "database_unavailable"


def test_events_are_counted_by_their_source(key) -> None:
    before = counted("base_agent")
    emitter.emit(RunContext(key, run_id="r", source="base_agent"), AgentStarted())
    assert counted("base_agent") - before == 1


def test_a_refused_event_is_named(db) -> None:
    with pytest.raises(EventRefused) as caught:
        emitter.emit(RunContext("nobody", run_id="r"), AgentStarted())
    assert caught.value.code == "unknown_user"
    assert caught.value.event_id is not None
    assert caught.value.event_id.version == 7


def test_one_failure_told_to_many_names_the_event_of_each() -> None:
    error, first, second = EmitterError("spool_failed", "The disk is full."), uuid7(), uuid7()
    told = [error.about(first), error.about(second)]
    assert [one.event_id for one in told] == [first, second]
    assert (str(told[0]), error.event_id) == (str(error), None)
