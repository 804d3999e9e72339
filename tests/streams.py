"""Streams to read: filled through the emitter, and changed as only retention, a restore or an accident would."""

import asyncio
from contextlib import suppress

from django.db import OperationalError
from uuid_utils.compat import uuid7

from emitter.blocking import run
from emitter.context import RunContext
from emitter.delivery.devices import position_of
from emitter.events import AgentThinking
from emitter.log import bodies_at, open_stream
from emitter.models import Event, Stream
from emitter.service import emitter


async def think(key: str, number: int = 1, *, thought: str = "Reading the ledger", run: str = "") -> int:
    """Emits so many events together, in one run for each user. Returns the last one's number."""
    context = RunContext(key, run_id=run or f"run of {key}")
    receipts = await emitter.aemit_many([(context, AgentThinking(thought))] * number)
    assert receipts[-1].seq is not None
    return receipts[-1].seq


async def texts(key: str) -> list[str]:
    """The stored text of every event of a stream, in order."""
    return await run(_texts, key)


def _texts(key: str) -> list[str]:
    head = Stream.objects.get(key=key).head
    bodies = bodies_at(key, range(1, head + 1))
    return [bodies[seq] for seq in sorted(bodies)]


async def epoch_of(key: str) -> str:
    """The identity of a stream."""
    return (await run(open_stream, key)).epoch


async def prune(key: str, to: int) -> None:
    """Forgets the events up to a number, as retention does."""
    await run(_prune, key, to)


def _prune(key: str, to: int) -> None:
    Event.objects.filter(stream=key, seq__lte=to).delete()
    Stream.objects.filter(key=key).update(pruned_to=to)


async def renew_epoch(key: str) -> str:
    """Gives a stream a new epoch, as after a restore from a backup."""
    epoch = str(uuid7())
    await run(Stream.objects.filter(key=key).update, epoch=epoch)
    return epoch


async def stored(key: str, device: str = "phone") -> int | None:
    """What a device is remembered to have acknowledged."""
    position = await run(position_of, key, device)
    return position.seq if position else None


async def becomes_stored(key: str, seq: int) -> None:
    """Waits until a device is remembered at a number."""
    async with asyncio.timeout(60):
        while True:
            with suppress(OperationalError):  # of a connection to the database as it was
                if await stored(key) == seq:
                    return
            await asyncio.sleep(0.01)
