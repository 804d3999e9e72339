"""One client's conversation, with a session in this process and the layer of the column."""

import asyncio
import time
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User
from django.db import OperationalError

from emitter import blocking, metrics
from emitter.context import RunContext
from emitter.delivery.devices import position_of
from emitter.delivery.speech import PLAIN
from emitter.events import AgentCompleted, AgentStarted, AgentThinking
from emitter.log import history
from emitter.policy.identity import Identity
from emitter.policy.users import key_of
from emitter.service import emitter

from .processes import PostgreSQL
from .sockets import converse
from .streams import prune, renew_epoch, texts, think

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def key(alice: User) -> str:
    return key_of(alice)


def overridden(settings: Any, **values: Any) -> None:
    settings.EMITTER = {**settings.EMITTER, **values}


# Reading --------------------------------------------------------------------------------------------------------------


async def test_a_session_begins_with_hello_and_is_live(key: str) -> None:
    await think(key, 3)
    async with converse(key) as client:
        assert client.hello["head"] == client.hello["after"] == 3
        await think(key)
        assert await client.until(4) == [4]


async def test_a_replay_goes_on_live(key: str) -> None:
    await think(key, 3)
    async with converse(key, after=0) as client:
        assert await client.until(3) == [1, 2, 3]
        await think(key)
        assert await client.until(4) == [1, 2, 3, 4]


async def test_while_others_emit_a_replay_has_no_hole_and_no_repetition(key: str) -> None:
    async def emit() -> None:
        for number in range(60):
            await think(key, 1 + number % 5)

    await think(key, 600)
    emitting = asyncio.create_task(emit())
    async with converse(key, after=0) as client:
        await client.until(600)
        await emitting
        assert await client.until(780) == list(range(1, 781))


async def test_live_replayed_and_read_from_history_an_event_is_the_same_text(key: str) -> None:
    async with converse(key) as live:
        await think(key, 3, thought="“Straße” \x00 \u2028")
        await live.until(3)
    async with converse(key, after=0) as replayed:
        await replayed.until(3)
    page, _ = await blocking.run(history, key)
    assert live.applied == replayed.applied == [stored.body for stored in page] == await texts(key)


async def test_events_of_one_commit_come_in_one_frame(key: str) -> None:
    async with converse(key) as client:
        written = metrics.value("emitter_frames_total")
        await think(key, 50)
        assert len((await client.receive())["events"]) == 50
        assert metrics.value("emitter_frames_total") == written + 1


async def test_one_event_comes_as_itself(key: str) -> None:
    async with converse(key) as client:
        await think(key)
        assert (await client.receive())["type"] == "agent_thinking"


async def test_a_long_replay_comes_in_frames_of_bounded_size(key: str) -> None:
    for _ in range(3):
        await think(key, 20, thought="x" * 60_000)
    async with converse(key, after=0) as client:
        await client.until(60)
    sizes = [sum(map(len, map(str, frame["events"]))) for frame in client.frames if frame["type"] == "batch"]
    assert len(sizes) > 10
    assert max(sizes) < 300_000


async def test_another_users_events_stay_away(key: str, bob: User) -> None:
    async with converse(key) as alice, converse(key_of(bob)) as other:
        await think(key, 5)
        await think(key_of(bob))
        await alice.until(5)
        assert await other.until(1) == [1]
    assert other.types == ["hello", "agent_thinking"]


# Acknowledging --------------------------------------------------------------------------------------------------------


async def test_an_acknowledgement_is_remembered_when_the_session_ends(key: str) -> None:
    async with converse(key, device="phone") as client:
        await think(key, 3)
        await client.until(3, ack=False)
        await client.send("ack", seq=2)
    assert await stored(key) == 2


async def test_an_acknowledgement_is_remembered_while_the_session_goes_on(key: str, settings: Any) -> None:
    overridden(settings, REPAIR_SECONDS=0.02, ACK_SECONDS=0)
    async with converse(key, device="phone") as client:
        await think(key)
        await client.until(1)
        await becomes_stored(key, 1)


async def test_an_acknowledgement_above_what_was_written_is_ignored(key: str) -> None:
    async with converse(key, device="phone") as client:
        await think(key)
        await client.until(1)
        await client.send("ack", seq=2)
        assert (await client.receive())["code"] == "bad_ack"
    assert await stored(key) == 1


async def test_sessions_share_a_device_and_the_highest_counts(key: str) -> None:
    await think(key, 9)
    async with converse(key, device="phone", after=0) as one, converse(key, device="phone", after=0) as two:
        await one.until(9, ack=False)
        await two.until(9, ack=False)
        await one.send("ack", seq=7)
        await two.send("ack", seq=4)
    assert await stored(key) == 7


async def test_a_new_device_is_remembered_where_it_began(key: str) -> None:
    await think(key, 3)
    async with converse(key, device="phone"):
        pass
    assert await stored(key) == 3


async def becomes_stored(key: str, seq: int) -> None:
    async with asyncio.timeout(10):
        while True:
            with suppress(OperationalError):  # of a connection to the database as it was
                if await stored(key) == seq:
                    return
            await asyncio.sleep(0.01)


async def stored(key: str, device: str = "phone") -> int | None:
    position = await blocking.run(position_of, key, device)
    return position.seq if position else None


# Credit ---------------------------------------------------------------------------------------------------------------


async def test_without_acknowledgement_a_session_waits(key: str, settings: Any) -> None:
    overridden(settings, CREDIT_EVENTS=3)
    await think(key, 8)
    async with converse(key, after=0) as client:
        assert await client.until(3, ack=False) == [1, 2, 3]
        await client.send("ack", seq=2)
        assert await client.until(5, ack=False) == [1, 2, 3, 4, 5]


async def test_bytes_are_credit_too(key: str, settings: Any) -> None:
    overridden(settings, CREDIT_BYTES=2_000)
    await think(key, 8, thought="x" * 500)
    async with converse(key, after=0) as client:
        await client.send("filter")
        assert await client.until(2, ack=False) == [1, 2]
        await client.send("ack", seq=2)
        assert (await client.until(4, ack=False))[-1] == 4


async def test_while_it_waits_for_credit_a_session_keeps_no_events(key: str, settings: Any) -> None:
    overridden(settings, CREDIT_EVENTS=1)
    async with converse(key) as client:
        await think(key)
        await client.until(1, ack=False)
        tracemalloc.start()
        for _ in range(100):
            await think(key, thought="x" * 30_000)
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await client.send("ack", seq=1)
        assert len(await client.until(101)) == 101
    assert kept < 1_000_000


async def test_an_event_larger_than_the_credit_comes_all_the_same(key: str, settings: Any) -> None:
    overridden(settings, CREDIT_BYTES=100)
    await think(key, 2, thought="x" * 500)
    async with converse(key, after=0) as client:
        assert await client.until(2) == [1, 2]


async def test_who_never_acknowledges_is_closed_as_too_slow(key: str, settings: Any) -> None:
    overridden(settings, CREDIT_EVENTS=2, CREDIT_SECONDS=0.05, REPAIR_SECONDS=0.02)
    await think(key, 5)
    async with converse(key, after=0) as client:
        assert await client.closed() == 4408
    assert client.seqs == [1, 2]


async def test_who_was_too_slow_resumes_without_a_hole(key: str, settings: Any) -> None:
    overridden(settings, CREDIT_EVENTS=2, CREDIT_SECONDS=0.05, REPAIR_SECONDS=0.02)
    await think(key, 5)
    async with converse(key, after=0) as slow:
        await slow.closed()
    async with converse(key, after=slow.position, epoch=slow.epoch) as client:
        assert await client.until(5) == [3, 4, 5]


async def test_who_acknowledges_is_never_too_slow(key: str, settings: Any) -> None:
    overridden(settings, CREDIT_EVENTS=2)
    await think(key, 2)
    async with converse(key, after=0) as client:
        await client.until(2)
        client.session.tick(time.monotonic() + 3_600)
        await think(key)
        assert await client.until(3) == [1, 2, 3]


# Asking for less ------------------------------------------------------------------------------------------------------


async def mixed(key: str) -> None:
    """Numbers 1 to 6: started, thinking, thinking, completed, and two of another run."""
    one, two = RunContext(key, run_id="one"), RunContext(key, run_id="two")
    await emitter.aemit_many(
        [
            (one, AgentStarted("Why?")),
            (one, AgentThinking("Hm")),
            (one, AgentThinking("Ah")),
            (one, AgentCompleted("Because")),
            (two, AgentStarted("How?")),
            (two, AgentThinking("Hm")),
        ]
    )


@pytest.mark.parametrize(
    ("wanted", "events", "positions"),
    [
        ({"types": ["agent_completed"]}, [4], [3, 6]),
        ({"types": ["agent_started", "agent_completed"]}, [1, 4, 5], [3, 6]),
        ({"run_id": "two"}, [5, 6], [4]),
        ({"types": ["agent_thinking"], "run_id": "two"}, [6], [5]),
        ({"types": []}, [], [6]),
        ({"types": None, "run_id": None}, [1, 2, 3, 4, 5, 6], []),
    ],
)
async def test_what_a_filter_leaves_out_is_said_as_a_position(
    key: str, wanted: dict[str, Any], events: list[int], positions: list[int]
) -> None:
    async with converse(key) as client:
        await client.send("filter", **wanted)
        await mixed(key)
        assert await client.until(6) == events
    assert [frame["seq"] for frame in client.frames if frame["type"] == "position"] == positions


async def test_a_position_is_acknowledged_like_an_event(key: str) -> None:
    async with converse(key, device="phone") as client:
        await client.send("filter", types=["agent_completed"])
        await mixed(key)
        await client.until(6)
    assert await stored(key) == 6


async def test_a_filter_holds_from_then_on_and_can_be_taken_back(key: str) -> None:
    async with converse(key) as client:
        await client.send("filter", types=[])
        await mixed(key)
        await client.until(6)
        await client.send("filter")
        await think(key, run="one")
        assert await client.until(7) == [7]


# Time -----------------------------------------------------------------------------------------------------------------


async def test_an_idle_socket_is_pinged(key: str) -> None:
    async with converse(key) as client:
        client.session.tick(time.monotonic() + 24)
        client.session.tick(time.monotonic() + 26)
        assert await client.receive() == {"type": "ping"}
        await client.send("pong")
        await think(key)
        assert await client.until(1) == [1]


async def test_a_socket_with_news_is_not_pinged(key: str) -> None:
    async with converse(key) as client:
        later = time.monotonic() + 24.9
        await think(key)
        await client.until(1)
        client.session.tick(later)
        await think(key)
        await client.until(2)
    assert "ping" not in client.types


async def test_a_client_is_warned_once_before_its_token_ends(key: str) -> None:
    async with converse(expiring(key, 20)) as client:
        client.session.tick(0)
        client.session.tick(0)
        assert await client.receive() == {"type": "expiring", "in": 19}
        await think(key)
        await client.until(1)
    assert client.types.count("expiring") == 1


async def test_a_token_with_time_left_is_no_matter(key: str) -> None:
    async with converse(expiring(key, 40)) as client:
        client.session.tick(0)
        await think(key)
        await client.until(1)
    assert client.types == ["hello", "agent_thinking"]


async def test_a_session_ends_with_its_token(key: str) -> None:
    async with converse(expiring(key, 0)) as client:
        client.session.tick(0)
        assert await client.closed() == 4401


async def test_a_renewed_token_goes_on(key: str) -> None:
    async with converse(expiring(key, 5)) as client:
        client.session.tick(0)
        client.session.renewed(expiring(key, 3_600))
        client.session.tick(0)
        await think(key)
        assert await client.until(1) == [1]
    assert client.types == ["hello", "expiring", "agent_thinking"]


async def test_a_token_of_somebody_else_renews_nothing(key: str, bob: User) -> None:
    async with converse(expiring(key, 5)) as client:
        client.session.renewed(expiring(key_of(bob), 3_600))
        assert (await client.receive())["code"] == "forbidden"
        assert client.session.identity.key == key
        client.session.identity = replace(client.session.identity, expires_at=0)
        client.session.tick(0)
        assert await client.closed() == 4401


def expiring(key: str, seconds: float) -> Identity:
    return Identity(key, expires_at=time.time() + seconds)


# Beginning again ------------------------------------------------------------------------------------------------------


async def test_a_client_may_resume_in_the_same_session(key: str) -> None:
    await think(key, 5)
    async with converse(key) as client:
        await client.send("resume", epoch=client.epoch, after=2)
        client.position = 2
        assert await client.until(5) == [3, 4, 5]


async def test_of_two_resumes_the_later_holds(key: str) -> None:
    await think(key, 5)
    async with converse(key) as client:
        await client.send("resume", epoch=client.epoch, after=1)
        for _ in range(3):
            await asyncio.sleep(0)  # The session looks the first one up.
        await client.send("resume", epoch=client.epoch, after=3)
        client.position = 3
        assert await client.until(5) == [4, 5]


async def test_a_resume_that_cannot_be_kept_is_a_gap(key: str) -> None:
    await think(key, 5)
    await prune(key, 3)
    async with converse(key) as client:
        await client.send("resume", epoch=client.epoch, after=1)
        gap = {"type": "gap", "after": 1, "first": 4, "reason": "pruned", "epoch": client.epoch}
        assert await client.receive() == gap
        assert await client.until(5) == [4, 5]


async def test_a_resume_gives_credit_anew(key: str, settings: Any) -> None:
    overridden(settings, CREDIT_EVENTS=2)
    await think(key, 2)
    async with converse(key, after=0) as client:
        await client.until(2, ack=False)
        await client.send("resume", epoch=client.epoch, after=0)
        client.position = 0
        assert await client.until(2, ack=False) == [1, 2, 1, 2]


@pytest.mark.parametrize("had", [3, 0])
async def test_a_new_epoch_is_told_to_whoever_is_live(key: str, settings: Any, had: int) -> None:
    overridden(settings, REPAIR_SECONDS=0.02)
    if had:
        await think(key, had)
    async with converse(key, after=0) as client:
        await client.until(had)
        epoch = await renew_epoch(key)
        gap = {"type": "gap", "after": had, "first": 1, "reason": "epoch", "epoch": epoch}
        assert await client.expect("gap") == gap
        await think(key)
        assert (await client.until(had + 1))[-1] == had + 1


async def test_events_pruned_under_a_slow_reader_are_a_gap(key: str, settings: Any) -> None:
    overridden(settings, CREDIT_EVENTS=2)
    await think(key, 300)
    async with converse(key, after=0) as client:
        await client.until(2, ack=False)
        await prune(key, 290)
        await client.send("ack", seq=2)
        await client.until(300)
        (gap,) = [frame for frame in client.frames if frame["type"] == "gap"]
    assert (gap["reason"], gap["first"]) == ("pruned", 291)
    assert client.seqs == [*range(1, gap["after"] + 1), *range(291, 301)]


# What is not in the protocol ------------------------------------------------------------------------------------------


async def test_an_unknown_frame_is_told_and_the_session_goes_on(key: str) -> None:
    async with converse(key) as client:
        await client.send("subscribe")
        assert (await client.receive())["code"] == "unknown_frame"
        await think(key)
        assert await client.until(1) == [1]


async def test_a_bad_frame_is_told_and_ends_the_session(key: str) -> None:
    async with converse(key) as client:
        await client.send("ack", seq="one")
        assert (await client.receive())["code"] == "bad_frame"
        assert await client.closed() == 4400


async def test_a_flood_of_nonsense_ends_the_session(key: str) -> None:
    async with converse(key) as client:
        for _ in range(101):
            client.session.received('{"type":"nonsense"}')
        assert await client.closed() == 4400
    assert client.types.count("error") == 100


async def test_one_session_too_many_is_closed(key: str, bob: User, settings: Any) -> None:
    overridden(settings, SESSIONS_PER_USER=2)
    async with converse(key), converse(key) as second, converse(key_of(bob)), converse(key, speech=PLAIN) as third:
        assert await third.closed() == 4429
        await think(key)
        assert await second.until(1) == [1]


async def test_a_session_that_ended_makes_room(key: str, settings: Any) -> None:
    overridden(settings, SESSIONS_PER_USER=1)
    for _ in range(2):
        async with converse(key) as client:
            assert client.hello["type"] == "hello"


# Plain clients --------------------------------------------------------------------------------------------------------


async def test_a_plain_client_gets_events_alone_with_the_epoch(key: str) -> None:
    await think(key, 3)
    async with converse(key, speech=PLAIN, after=0) as client:
        await client.until(3, ack=False)
        client.session.tick(time.monotonic() + 3_600)
        await think(key, 2)
        await client.until(5, ack=False)
    assert client.types == ["agent_thinking"] * 5
    assert [list(msgspec.json.decode(text))[:3] for text in client.applied] == [["type", "seq", "epoch"]] * 5


async def test_a_plain_client_is_told_of_no_gap_and_goes_on(key: str) -> None:
    await think(key, 5)
    await prune(key, 3)
    async with converse(key, speech=PLAIN, after=1, epoch="another") as client:
        client.position = 3
        assert await client.until(5, ack=False) == [4, 5]


async def test_what_a_plain_client_says_is_not_heard(key: str) -> None:
    async with converse(key, speech=PLAIN, after=0) as client:
        await client.send("nonsense")
        await think(key)
        assert await client.until(1, ack=False) == [1]


async def test_a_plain_clients_device_is_where_it_was_written_to(key: str) -> None:
    async with converse(key, speech=PLAIN, device="phone", after=0) as client:
        await think(key, 2)
        await client.until(2, ack=False)
    assert await stored(key) == 2


# When the log is away -------------------------------------------------------------------------------------------------


@pytest.mark.scaled
async def test_a_session_waits_for_a_log_that_is_away(
    key: str, postgres_server: PostgreSQL, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    overridden(settings, REPAIR_SECONDS=0.02)
    await think(key, 3)
    async with converse(key) as client:
        postgres_server.stop()
        await client.send("resume", epoch=client.epoch, after=1)
        client.position = 1
        await said(caplog, "a session waits for the log")
        postgres_server.start()
        assert await client.until(3) == [2, 3]


@pytest.mark.scaled
async def test_a_live_session_outlasts_a_restart_of_the_database(
    key: str, postgres_server: PostgreSQL, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    overridden(settings, REPAIR_SECONDS=0.02)
    async with converse(key) as client:
        postgres_server.stop()
        await said(caplog, "look_failed")
        postgres_server.start()
        await think(key)
        assert await client.until(1) == [1]


@pytest.mark.scaled
async def test_an_acknowledgement_that_could_not_be_stored_is_stored_later(
    key: str, postgres_server: PostgreSQL, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    overridden(settings, REPAIR_SECONDS=0.02, ACK_SECONDS=0)
    async with converse(key, device="phone") as client:
        await think(key)
        await client.until(1, ack=False)
        postgres_server.stop()
        await client.send("ack", seq=1)
        await said(caplog, "look_failed")
        postgres_server.start()
        await becomes_stored(key, 1)


async def said(caplog: pytest.LogCaptureFixture, words: str) -> None:
    async with asyncio.timeout(10):
        while words not in caplog.text:
            await asyncio.sleep(0.01)
