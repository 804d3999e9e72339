"""Old tallies and differences go, by the job and by the commands; the history of modes stays."""

from datetime import timedelta

import pytest
from django.utils import timezone

from emitter.jobs import JOBS
from emitter.migration import history
from emitter.migration.compare import Difference
from emitter.migration.differences import Found, store
from emitter.migration.modes import Setting
from emitter.migration.tallies import Tally, add
from emitter.models import AdapterMode, AdapterTally, Mode, ShadowDifference

from ..commands import told

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept(db: None) -> None:
    """A change, a tally and a difference of forty days ago."""
    past = timezone.now() - timedelta(days=40)
    history.change("base_agent", "unified", by="alice")
    AdapterMode.objects.update(since=past)
    add(Tally(Setting("base_agent"), Mode.UNIFIED, 1), past)
    store([Found("base_agent", "emit_thinking", [Difference("user")], "stranger", "run-19", [], {})])
    ShadowDifference.objects.update(at=past)


def left() -> tuple[int, int, int]:
    return AdapterMode.objects.count(), AdapterTally.objects.count(), ShadowDifference.objects.count()


def test_the_job_deletes_what_is_older_than_the_retention(kept: None) -> None:
    (job,) = [job for job in JOBS if job.name == "prune_migration"]
    job.work()
    assert left() == (1, 0, 0)


def test_the_command_does_so_too(kept: None) -> None:
    assert told("prune_events", "--days", "41") == "0 events deleted.\n"
    assert "2 tallies and differences of old faces deleted." in told("prune_events")
    assert left() == (1, 0, 0)


def test_what_shadow_calls_showed_of_a_user_is_erased_with_the_user(kept: None) -> None:
    told("erase_user", "--user", "stranger", "--yes")
    assert left() == (1, 1, 0)
