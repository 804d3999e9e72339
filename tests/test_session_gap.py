"""After a gap: most clients get all that is kept, some go on from now."""

import msgspec
import pytest

from emitter.delivery.speech import Frames

from .sockets import converse
from .streams import prune, renew_epoch, think

pytestmark = pytest.mark.django_db(transaction=True)


class FromNow(Frames):
    """A client that cannot take a long replay."""

    replays_after_gap = False


async def test_who_lost_its_place_may_go_on_from_the_head(key: str) -> None:
    await think(key, 5)
    await prune(key, 2)
    async with converse(key, speech=FromNow(), after=1, epoch="another") as client:
        gap = await client.receive()
        await think(key)
        assert await client.until(6) == [6]
    assert (gap["after"], gap["first"], gap["reason"]) == (1, 6, "epoch")


async def test_a_new_epoch_in_between_is_a_gap_and_no_replay(key: str) -> None:
    await think(key, 5)
    async with converse(key, speech=FromNow()) as client:
        await renew_epoch(key)
        await think(key)
        assert (await client.receive())["first"] == 7
        await think(key)
        assert await client.until(7) == [7]


async def test_a_shell_says_frames_of_its_own_in_their_turn(key: str) -> None:
    async with converse(key) as client:
        client.session.say(msgspec.json.encode({"type": "note"}).decode())
        await think(key)
        await client.until(1)
        epoch, seq = client.session.reached
    assert (client.types[1:], epoch, seq) == (["note", "agent_thinking"], client.epoch, 1)
