"""One client's conversation, with a session in this process and the layer of the column."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.contrib.auth.models import User

from emitter import blocking, metrics
from emitter.delivery.speech import PLAIN
from emitter.log import history
from emitter.policy.users import key_of

from .conftest import Configure
from .sockets import converse
from .streams import prune, renew_epoch, texts, think

pytestmark = pytest.mark.django_db(transaction=True)


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
        with readers_held():
            await client.send("resume", epoch=client.epoch, after=1)
            for _ in range(3):
                await asyncio.sleep(0)  # The session looks the first one up.
            await client.send("resume", epoch=client.epoch, after=3)
        client.position = 3
        assert await client.until(5) == [4, 5]


@contextmanager
def readers_held() -> Iterator[None]:
    """Whoever wants to read from the log waits until the block ends."""
    readers, release = blocking.pool("read", blocking.READERS), threading.Event()
    for _ in range(blocking.READERS):
        readers.submit(release.wait)
    try:
        yield
    finally:
        release.set()


async def test_a_resume_that_cannot_be_kept_is_a_gap(key: str) -> None:
    await think(key, 5)
    await prune(key, 3)
    async with converse(key) as client:
        await client.send("resume", epoch=client.epoch, after=1)
        gap = {"type": "gap", "after": 1, "first": 4, "reason": "pruned", "epoch": client.epoch}
        assert await client.receive() == gap
        assert await client.until(5) == [4, 5]


async def test_a_resume_gives_credit_anew(key: str, configure: Configure) -> None:
    configure(CREDIT_EVENTS=2)
    await think(key, 2)
    async with converse(key, after=0) as client:
        await client.until(2, ack=False)
        await client.send("resume", epoch=client.epoch, after=0)
        client.position = 0
        assert await client.until(2, ack=False) == [1, 2, 1, 2]


@pytest.mark.parametrize("had", [3, 0])
async def test_a_new_epoch_is_told_to_whoever_is_live(key: str, configure: Configure, had: int) -> None:
    configure(REPAIR_SECONDS=0.02)
    if had:
        await think(key, had)
    async with converse(key, after=0) as client:
        await client.until(had)
        epoch = await renew_epoch(key)
        gap = {"type": "gap", "after": had, "first": 1, "reason": "epoch", "epoch": epoch}
        assert await client.expect("gap") == gap
        await think(key)
        assert (await client.until(had + 1))[-1] == had + 1


async def test_events_pruned_under_a_slow_reader_are_a_gap(key: str, configure: Configure) -> None:
    configure(CREDIT_EVENTS=2)
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


async def test_one_session_too_many_is_closed(key: str, bob: User, configure: Configure) -> None:
    configure(SESSIONS_PER_USER=2)
    async with converse(key), converse(key) as second, converse(key_of(bob)), converse(key, speech=PLAIN) as third:
        assert await third.closed() == 4429
        await think(key)
        assert await second.until(1) == [1]


async def test_a_session_that_ended_makes_room(key: str, configure: Configure) -> None:
    configure(SESSIONS_PER_USER=1)
    for _ in range(2):
        async with converse(key) as client:
            assert client.hello["type"] == "hello"
