"""Retention, erasure, redaction, a new identity."""

from datetime import timedelta

import msgspec
import pytest
from django.core.management import CommandError
from django.utils import timezone

from emitter import log
from emitter.context import RunContext
from emitter.events import AgentStarted, AgentThinking
from emitter.log import retention
from emitter.log.verify import faults_of
from emitter.models import Device, Event, Run, Stream
from emitter.service import emitter, upkeep
from emitter.testing import EventsClient

from .commands import told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def key(alice) -> str:
    return str(alice.pk)


def fill(key: str, count: int, days_old: float = 0, run: str = "run") -> None:
    receipts = emitter.emit_many([(RunContext(key, run_id=run), AgentThinking("t", n)) for n in range(count)])
    moment = timezone.now() - timedelta(days=days_old)
    Event.objects.filter(stream=key, seq__in=[receipt.seq for receipt in receipts]).update(created_at=moment)


def test_prunes_what_is_older_in_bounded_steps(key) -> None:
    fill(key, 25, days_old=40)
    fill(key, 5)
    assert list(retention.prune(key, timezone.now() - timedelta(days=30), step=10)) == [10, 10, 5]
    assert [stored.seq for stored in log.read_after(key, 0)] == [26, 27, 28, 29, 30]
    assert Stream.objects.get(key=key).pruned_to == 25
    assert faults_of(key).faults == []


def test_prunes_a_prefix_only(key) -> None:
    fill(key, 2)
    fill(key, 3, days_old=40)
    assert told("prune_events") == "0 events deleted.\n"


def test_numbers_go_on_after_all_is_pruned(key) -> None:
    fill(key, 3, days_old=40)
    assert told("prune_events", "--user", "alice") == "3 events deleted.\n"
    fill(key, 1)
    assert [stored.seq for stored in log.read_after(key, 0)] == [4]


async def test_a_new_epoch_is_told_to_a_live_client_and_to_one_that_comes_back(key, alice) -> None:
    await emitter.aemit(RunContext(key, run_id="r"), AgentStarted("x"))
    async with EventsClient(alice, after=0) as client:
        old = client.hello["epoch"]
        await client.receive_event()
        from emitter import blocking

        assert await blocking.run(upkeep.new_epoch, [key]) == 1
        gap = await client.receive_frame()
        assert (gap["type"], gap["reason"], gap["after"], gap["first"]) == ("gap", "epoch", 1, 1)
        assert gap["epoch"] > old
    async with EventsClient(alice, after=1, epoch=old) as client:
        assert (await client.receive_frame())["reason"] == "epoch"
        assert (await client.receive_event()).seq == 1


def test_a_restored_log_shows_acknowledgements_above_its_head(key) -> None:
    fill(key, 2)
    epoch = Stream.objects.get(key=key).epoch
    Device.objects.create(stream=key, name="phone", epoch=epoch, position=9)
    assert faults_of(key).faults == ["device phone: acknowledged #9, above the head #2"]
    assert told("new_epoch") == "1 streams have a new epoch.\n"
    assert faults_of(key).faults == []


def test_erases_everything_of_one_user(key, bob) -> None:
    fill(key, 12)
    fill(str(bob.pk), 2, run="of-bob")
    epoch = Stream.objects.get(key=key).epoch
    Device.objects.create(stream=key, name="phone", epoch=epoch, position=3)
    assert list(retention.erase(key, step=5)) == [5, 5, 2]
    assert not any(model.objects.filter(stream=key).exists() for model in (Event, Run, Device))
    assert Event.objects.filter(stream=str(bob.pk)).count() == 2
    assert emitter.emit(RunContext(key, run_id="run"), AgentStarted("again")).seq == 1
    assert Stream.objects.get(key=key).epoch > epoch


def test_erasing_asks_first(key, monkeypatch) -> None:
    fill(key, 1)
    monkeypatch.setattr("builtins.input", lambda _: "no")
    with pytest.raises(CommandError, match="Nothing was erased"):
        told("erase_user", "--user", "alice")
    assert told("erase_user", "--user", "alice", "--yes").startswith("1 events")


def test_redacts_in_place(key) -> None:
    fill(key, 3)
    assert told("redact_event", "--user", "alice", "--seq", "2") == f"#2 of {key!r} is redacted.\n"
    events = [msgspec.json.decode(stored.body) for stored in log.read_after(key, 0)]
    assert [event["payload"].get("redacted") for event in events] == [None, True, None]
    assert faults_of(key).faults == []
    with pytest.raises(CommandError, match="no event #9"):
        told("redact_event", "--user", "alice", "--seq", "9")
