"""Three trials that need a figure of their own: a flood to who does not read, a storm of clients, a long outage."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import reduce
from urllib.parse import urlsplit

import psutil
import websockets
from websockets.typing import Subprotocol

from chaos.faults import Fault, Scene, lock_database
from chaos.listener import SUBPROTOCOL, Listener
from chaos.producer import Producer
from chaos.round import Outcome, play
from chaos.stage import USERS, Stage
from chaos.tally import Tally, tally

MIB = 1_048_576
PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class Figure:
    """A trial's outcome and what was measured, in words."""

    name: str
    column: str
    tally: Tally
    measured: str


async def flood(stage: Stage, mebibytes: int = 500, linger: float = 70.0) -> Figure:
    """Offers so much to a socket and to a stream that do not read, beside a client that does.

    The stream gets its bytes at a rate, so the trial lingers until it must have had all that such a client may get.
    """
    user, round_id = USERS[0], f"flood-{time.monotonic_ns()}"
    total = mebibytes * MIB // SIZE
    async with listening([reader := stage.listener(user, round_id)]), deaf(stage, user):
        producers = [Producer(user, stage.worker, 100, 1e6, "warm-up", "x" * SIZE)]
        await producers[0].run()
        async with memory(stage) as grown:
            await asyncio.gather(*(_pour(stage, user, round_id, total, lane) for lane in range(LANES)))
            await reader.has(total)
            await asyncio.sleep(linger)
            growth = grown()
    counted = Tally(total, total - len({*reader.applied}), len(reader.applied) - len({*reader.applied}), 0, 0)
    return Figure(
        f"{mebibytes} MiB to clients that do not read", stage.column, counted, f"{growth / MIB:.1f} MiB more memory"
    )


#: Characters of an event in the flood, close to the largest that is taken; and how many are under way.
SIZE, LANES = 62_500, 16


async def _pour(stage: Stage, user: str, round_id: str, total: int, lane: int) -> None:
    for number in range(1 + lane, total + 1, LANES):
        payload = {"thought": "x" * SIZE, "step_number": number, "round": round_id, "of": user}
        answer = await stage.worker.ask({"user": user, "run": round_id, "payload": payload, "event_id": None})
        assert "code" not in answer, answer


async def storm(stage: Stage, clients: int = 1_000, missed: int = 50) -> Figure:
    """Clients that were away for so many events come back, all in one moment."""
    round_id = f"storm-{time.monotonic_ns()}"
    listeners = [stage.listener(USERS[n % len(USERS)], round_id) for n in range(clients)]
    for some in range(0, clients, 100):
        async with listening(listeners[some : some + 100]):
            pass
    producers = [Producer(user, stage.worker, missed, 1e6, round_id) for user in USERS]
    await asyncio.gather(*(producer.run() for producer in producers))
    before, began = await stage.statements(), time.monotonic()
    async with listening(listeners):
        await asyncio.wait_for(asyncio.gather(*(listener.has(missed) for listener in listeners)), PATIENCE)
        seconds = time.monotonic() - began
        statements = await stage.statements() - before
    counted = reduce(Tally.plus, (tally(one.user, missed, one.applied) for one in listeners), Tally())
    return Figure(
        f"{clients:,} clients come back for {missed} events each", stage.column, counted,
        f"all whole after {seconds:.1f} s, {statements / clients:.1f} statements a client",
    )  # fmt: skip


OUTAGE_SECONDS = 60


async def outage(stage: Stage, seed: int, seconds: int = OUTAGE_SECONDS) -> Outcome:
    """No database for a minute, while 200 events are emitted a second."""

    async def strike(scene: Scene) -> None:
        if stage.cluster.postgres is None:
            await lock_database(scene, seconds)
            return
        await asyncio.to_thread(stage.cluster.postgres.kill)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(stage.cluster.postgres.start)

    name = f"{seconds} s without the database, 200 events/s"
    return await play(stage, Fault(name, strike, per_second=20.0, total=20 * (seconds + 5), beside=True), seed)


@asynccontextmanager
async def listening(listeners: Sequence[Listener]) -> AsyncIterator[None]:
    """Clients that are connected, until the end of the block."""
    tasks = [asyncio.create_task(listener.run()) for listener in listeners]
    try:
        await asyncio.wait_for(asyncio.gather(*(listener.greeted() for listener in listeners)), PATIENCE)
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@asynccontextmanager
async def deaf(stage: Stage, user: str) -> AsyncIterator[None]:
    """A WebSocket and a Server-Sent Events stream of ``user`` that nobody reads."""
    token = await stage.token(user)
    address = urlsplit(stage.cluster.servers[0].url)
    offered = [Subprotocol(SUBPROTOCOL), Subprotocol(f"bearer.{token}")]
    url = f"ws://{address.netloc}/ws/events/"
    deaf_socket = await websockets.connect(url, subprotocols=offered, proxy=None, max_queue=1, ping_interval=None)
    stream = socket.create_connection((str(address.hostname), int(address.port or 80)))
    stream.sendall(
        f"GET /api/events/stream/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    )
    try:
        yield
    finally:
        deaf_socket.transport.abort()
        stream.close()


@asynccontextmanager
async def memory(stage: Stage) -> AsyncIterator[Callable[[], int]]:
    """Gives a function that says by how much the resident memory of any server has grown at most, in bytes."""
    processes = [psutil.Process(server.process.pid) for server in stage.cluster.servers if server.process]
    before = [process.memory_info().rss for process in processes]
    most = [0]

    async def watch() -> None:
        while True:
            grown = (process.memory_info().rss - was for process, was in zip(processes, before, strict=True))
            most[0] = max(most[0], *grown, 0)
            await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch())
    try:
        yield lambda: most[0]
    finally:
        watching.cancel()
