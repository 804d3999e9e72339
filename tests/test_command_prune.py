"""``manage.py prune_events``."""

from datetime import timedelta

import pytest
from django.core.management import CommandError
from django.utils import timezone

from emitter.context import RunContext
from emitter.events import AgentThinking
from emitter.models import Event
from emitter.policy.users import key_of
from emitter.service import emitter

from .commands import told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def filled(key, bob) -> str:
    """Alice and bob have an event of ten days and one of today."""
    for owner in (key, key_of(bob)):
        old = emitter.emit(RunContext(owner, run_id=f"of {owner}"), AgentThinking("old"))
        Event.objects.filter(event_id=old.event_id).update(created_at=timezone.now() - timedelta(days=10))
        emitter.emit(RunContext(owner, run_id=f"of {owner}"), AgentThinking("new"))
    return key


def test_younger_than_the_retention_stays(filled) -> None:
    assert told("prune_events") == "0 events deleted.\n"


@pytest.mark.parametrize(("days", "deleted"), [("10.5", 0), ("9.5", 2), ("0", 4)])
def test_days_say_how_old(filled, days, deleted) -> None:
    assert told("prune_events", "--days", days) == f"{deleted} events deleted.\n"
    assert Event.objects.count() == 4 - deleted


def test_one_users_stream_alone(filled) -> None:
    assert told("prune_events", "--days", "1", "--user", "alice") == "1 events deleted.\n"
    assert Event.objects.filter(stream=filled).count() == 1
    assert Event.objects.count() == 3


@pytest.mark.parametrize("days", ["-1", "nan", "inf", "1e12", "soon", ""])
def test_an_age_that_is_none_deletes_nothing(filled, days) -> None:
    with pytest.raises(CommandError, match=r"is no number of days; write 30 or 0\.5"):
        told("prune_events", f"--days={days}")
    assert Event.objects.count() == 4
