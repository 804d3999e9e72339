"""After a gap: most clients get all that is kept, some go on from now."""

import msgspec
import pytest
from django.db import transaction
from uuid_utils.compat import uuid7

from emitter.blocking import run
from emitter.context import RunContext
from emitter.delivery.speech import Frames
from emitter.events import AgentThinking
from emitter.models import Stream
from emitter.service import emitter

from .sockets import converse
from .streams import prune, think

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
        await run(think_in_a_new_epoch, key)
        assert (await client.receive())["first"] == 7
        await think(key)
        assert await client.until(7) == [7]


def think_in_a_new_epoch(key: str) -> None:
    """A look at the log sees both or neither."""
    with transaction.atomic():
        Stream.objects.filter(key=key).update(epoch=str(uuid7()))
        emitter.emit(RunContext(key, run_id="run-19"), AgentThinking("Hm"))


async def test_a_shell_says_frames_of_its_own_in_their_turn(key: str) -> None:
    async with converse(key) as client:
        client.session.say(msgspec.json.encode({"type": "note"}).decode())
        await think(key)
        await client.until(1)
        epoch, seq = client.session.reached
    assert (client.types[1:], epoch, seq) == (["note", "agent_thinking"], client.epoch, 1)
