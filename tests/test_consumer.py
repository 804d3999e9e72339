"""What is said at ``/ws/events/``, over real sockets."""

import pytest
from django.contrib.auth.models import User

from emitter.context import RunContext
from emitter.events import AgentStarted
from emitter.policy.identity import create_token
from emitter.policy.users import key_of
from emitter.service import emitter

from .processes import Daphne
from .sockets import Client, bearer, connect, emit_there, open_socket
from .streams import epoch_of, texts

pytestmark = pytest.mark.django_db(transaction=True)


async def test_events_arrive_as_they_are_stored(daphne: Daphne, key: str) -> None:
    async with connect(daphne, key) as client:
        await emit_there(daphne, key)
        await client.until(1)
        await emit_there(daphne, key, 10)
        assert await client.until(11) == list(range(1, 12))
    assert client.types == ["hello", "agent_thinking", "batch"]
    assert client.applied == await texts(key)


async def test_nobody_hears_what_is_not_theirs(daphne: Daphne, key: str, bob: User) -> None:
    async with connect(daphne, key) as alice, connect(daphne, key_of(bob), after=0, device=key) as other:
        await emit_there(daphne, key, 3)
        await emit_there(daphne, key_of(bob))
        await alice.until(3)
        await other.until(1)
    assert [other.types, other.applied] == [["hello", "agent_thinking"], await texts(key_of(bob))]


async def test_a_plain_client_reads_one_event_a_frame(daphne: Daphne, key: str) -> None:
    headers = {"Authorization": f"Bearer {create_token(key, seconds=60)}"}
    async with open_socket(daphne, headers=headers, after=0) as socket:
        assert socket.subprotocol is None
        client = Client(socket)
        await emit_there(daphne, key, 3)
        await client.until(3, ack=False)
    assert client.types == ["agent_thinking"] * 3
    assert {(frame["epoch"], "seq" in frame) for frame in client.frames} == {(await epoch_of(key), True)}


async def test_a_run_is_cancelled_from_the_socket(daphne: Daphne, key: str) -> None:
    async with connect(daphne, key, after=0) as client:
        await emitter.aemit(RunContext(key, run_id="run-1"), AgentStarted("Why?"))
        await client.send("cancel", run_id="run-1")
        await client.until(2)
    assert '"type":"agent_completed"' in client.applied[1]
    assert '"payload":{"status":"cancelled"}' in client.applied[1]


@pytest.mark.parametrize("run_id", ["run-1", "unknown", "", "\x00"])
async def test_a_run_that_is_not_ones_own_is_not_there(daphne: Daphne, key: str, bob: User, run_id: str) -> None:
    await emitter.aemit(RunContext(key_of(bob), run_id="run-1"), AgentStarted("Why?"))
    async with connect(daphne, key) as client:
        await client.send("cancel", run_id=run_id)
        assert (await client.receive())["code"] == "not_found"
        await emit_there(daphne, key)
        assert await client.until(1) == [1]


async def test_a_newer_token_renews_the_session(daphne: Daphne, key: str) -> None:
    async with open_socket(daphne, bearer(key, seconds=29)) as socket:
        client = Client(socket)
        first = await client.expect("expiring")
        await client.send("auth", token=create_token(key, seconds=14))
        second = await client.expect("expiring")
    assert second["in"] <= 14 < first["in"] <= 29


async def test_a_token_that_does_not_renew_is_told(daphne: Daphne, key: str, bob: User) -> None:
    async with connect(daphne, key) as client:
        for token in (create_token(key_of(bob), seconds=60), create_token(key, seconds=-1), "nonsense"):
            await client.send("auth", token=token)
            await client.receive()
        assert [frame["code"] for frame in client.frames[1:]] == ["forbidden", "token_expired", "not_authenticated"]


async def test_the_end_of_a_token_is_the_end_of_the_session(daphne: Daphne, key: str) -> None:
    async with open_socket(daphne, bearer(key, seconds=1)) as socket:
        assert await Client(socket).closed() == 4401


async def test_an_unknown_frame_is_told_and_a_bad_one_ends_the_session(daphne: Daphne, key: str) -> None:
    async with connect(daphne, key) as client:
        await client.send("subscribe")
        await client.send("ack", seq=99)
        await client.send("pong", seq="none")
        assert await client.closed() == 4400
    assert [frame.get("code") for frame in client.frames[1:]] == ["unknown_frame", "bad_ack", "bad_frame"]


@pytest.mark.parametrize("said", [b"\xff\xfe", b"{}", "", "[" * 100_000], ids=["bytes", "object", "empty", "deep"])
async def test_what_is_no_frame_ends_the_session(daphne: Daphne, key: str, said: str | bytes) -> None:
    async with open_socket(daphne, bearer(key)) as socket:
        await socket.send(said)
        client = Client(socket)
        assert await client.closed() == 4400
    assert client.frames[-1]["code"] == "bad_frame"


async def test_frames_may_come_as_bytes(daphne: Daphne, key: str) -> None:
    async with open_socket(daphne, bearer(key)) as socket:
        await socket.send(b'{"type":"subscribe"}')
        assert (await Client(socket).expect("error"))["code"] == "unknown_frame"


async def test_who_says_stop_and_leaves_means_it(daphne: Daphne, key: str) -> None:
    await emitter.aemit(RunContext(key, run_id="run-1"), AgentStarted("Why?"))
    async with connect(daphne, key) as client:
        await client.send("cancel", run_id="run-1")
    async with connect(daphne, key, after=1, epoch=client.epoch) as again:
        assert await again.until(2) == [2]


async def test_a_frame_that_is_too_large_ends_the_session(daphne: Daphne, key: str) -> None:
    async with connect(daphne, key) as client:
        await client.send("filter", types=["x" * 70_000])
        assert await client.closed() == 4400
    assert client.frames[-1]["code"] == "bad_frame"


async def test_a_flood_of_frames_ends_the_session(daphne: Daphne, key: str) -> None:
    async with connect(daphne, key) as client:
        with daphne.frozen():
            for _ in range(1_000):
                await client.send("pong")
        assert await client.closed() == 4429
    assert client.reason == "too_many_frames"


async def test_a_plain_client_cannot_flood_either(daphne: Daphne, key: str) -> None:
    headers = {"Authorization": f"Bearer {create_token(key, seconds=60)}"}
    async with open_socket(daphne, headers=headers) as socket:
        with daphne.frozen():
            for _ in range(1_000):
                await socket.send("x")
        assert await Client(socket).closed() == 4429


async def test_every_event_may_be_acknowledged_by_itself(daphne: Daphne, key: str) -> None:
    async with connect(daphne, key) as client:
        for _ in range(3):
            await emit_there(daphne, key, 500)
            await client.until(client.position + 500, ack=False)
            for seq in client.seqs[-500:]:
                await client.send("ack", seq=seq)
        await emit_there(daphne, key)
        await client.until(1_501)
    assert "error" not in client.types


async def test_work_that_a_client_asks_for_is_bounded(daphne: Daphne, key: str) -> None:
    async with connect(daphne, key) as client:
        with daphne.frozen():
            for _ in range(100):
                await client.send("auth", token="nonsense")
        answers = [(await client.expect("error"))["code"] for _ in range(100)]
        await emit_there(daphne, key)
        assert await client.until(1) == [1]
    assert set(answers) == {"not_authenticated", "too_many_frames"}
