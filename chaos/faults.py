"""The matrix: what is done to a stage while agents emit and clients listen."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from chaos.listener import Listener
from chaos.proxy import Proxy
from chaos.stage import USERS, Stage
from tests.processes import Server

#: Longer than the emit deadline of :mod:`chaos.settings`, so that emits go to the spool.
AWAY_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Scene:
    """A round under way."""

    stage: Stage
    listeners: Sequence[Listener]
    random: Random
    proxy: Proxy | None = None


Strike = Callable[[Scene], Awaitable[None]]
Audience = Callable[[Stage, str], list[Listener]]


def two_each(stage: Stage, round_id: str) -> list[Listener]:
    """Two clients of each user."""
    return [stage.listener(user, round_id) for user in USERS for _ in range(2)]


@dataclass(frozen=True, slots=True)
class Fault:
    """Done and undone by ``strike``; it concerns these columns, and plain Channels if that has such a part at all."""

    name: str
    strike: Strike
    columns: tuple[str, ...] = ("embedded", "scaled")
    plain: bool = True
    audience: Audience = two_each
    by_proxy: bool = False
    #: Whether all events come from the process beside the servers. A server refuses a request, with a code that means
    #: "again", as long as it cannot ask the database who is asking.
    beside: bool = False
    #: Events of each user, and how many of them a second.
    total: int = 50
    per_second: float = 10.0


async def kill_emitter(scene: Scene) -> None:
    await scene.stage.worker.kill()


async def kill_server(scene: Scene) -> None:
    await _crash(scene.random.choice(scene.stage.cluster.servers), 0.0)


async def stop_server(scene: Scene) -> None:
    server = scene.random.choice(scene.stage.cluster.servers)
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.start)


async def kill_redis(scene: Scene) -> None:
    assert scene.stage.cluster.redis is not None
    await _crash(scene.stage.cluster.redis, 1.0)


async def empty_redis(scene: Scene) -> None:
    redis = scene.stage.cluster.redis
    assert redis is not None
    await asyncio.to_thread(redis.stop)
    await asyncio.to_thread(redis.start)


async def kill_postgres(scene: Scene) -> None:
    assert scene.stage.cluster.postgres is not None
    await _crash(scene.stage.cluster.postgres, AWAY_SECONDS)


async def lock_database(scene: Scene, seconds: float = AWAY_SECONDS) -> None:
    """Somebody keeps SQLite's write lock."""
    name = scene.stage.cluster.environment["DATABASE_URL"].removeprefix("sqlite:///")
    held = await asyncio.to_thread(sqlite3.connect, name, 30, check_same_thread=False, isolation_level=None)
    await asyncio.to_thread(held.execute, "BEGIN EXCLUSIVE")
    await asyncio.sleep(seconds)
    held.close()


async def lose_bells(scene: Scene) -> None:
    await _suffer(scene, lose=0.7)


async def repeat_bells(scene: Scene) -> None:
    await _suffer(scene, repeat=0.7)


async def shuffle_bells(scene: Scene) -> None:
    await _suffer(scene, delay=0.8)


async def step_clock_back(scene: Scene) -> None:
    await scene.stage.worker.ask({"clock": -scene.random.uniform(10, 200)})
    await asyncio.sleep(1.5)
    await scene.stage.worker.ask({"clock": 0})


async def stick(scene: Scene) -> None:
    """Half of the clients read nothing for longer than a session waits for them."""
    half = scene.random.sample(list(scene.listeners), len(scene.listeners) // 2)
    await asyncio.gather(*(listener.stall(3.5) for listener in half))


async def reconnect_all(scene: Scene) -> None:
    for listener in scene.listeners:
        listener.cut()


async def cut_mid_frame(scene: Scene) -> None:
    assert scene.proxy is not None
    for _ in range(3):
        scene.proxy.cut()
        await asyncio.sleep(0.7)


async def fill_disk(scene: Scene) -> None:
    """The spool cannot be written while the database is away."""
    pid = scene.stage.worker.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    await (lock_database if scene.stage.column == "embedded" else kill_postgres)(scene)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


async def expire(scene: Scene) -> None:
    await asyncio.sleep(4.5)


async def cut_some(scene: Scene) -> None:
    for listener in scene.listeners:
        listener.cut()
        await asyncio.sleep(0.2)


async def _crash(server: Server, seconds: float) -> None:
    await asyncio.to_thread(server.kill)
    await asyncio.sleep(seconds)
    await asyncio.to_thread(server.start)


async def _suffer(scene: Scene, **how: float) -> None:
    scene.stage.let_bells_suffer(**how)
    await asyncio.sleep(2)
    scene.stage.let_bells_suffer()


def twenty_each(stage: Stage, round_id: str) -> list[Listener]:
    """200 clients in all."""
    return [stage.listener(user, round_id) for user in USERS for _ in range(20)]


def short_tokens(stage: Stage, round_id: str) -> list[Listener]:
    """Clients whose tokens end in the round: one of each two renews its own, the other is closed and comes back."""
    return [stage.listener(user, round_id, seconds=3, renews=renews) for user in USERS for renews in (True, False)]


def ten_devices(stage: Stage, round_id: str) -> list[Listener]:
    """Ten devices of one user; they leave it to the server to know where they were."""
    return [stage.listener(USERS[0], round_id, device=f"device-{number}") for number in range(10)]


@asynccontextmanager
async def wire(fault: Fault, stage: Stage) -> AsyncIterator[Proxy | None]:
    """The proxy before the front, where a fault needs one."""
    if not fault.by_proxy:
        yield None
        return
    async with Proxy(int(stage.cluster.url.rpartition(":")[2])) as proxy:
        yield proxy


MATRIX = (
    Fault("kill -9 of the emitting process", kill_emitter),
    Fault("kill -9 of a server", kill_server),
    Fault("a server is told to stop", stop_server),
    Fault("kill -9 of Redis", kill_redis, columns=("scaled",)),
    Fault("Redis restarted empty", empty_redis, columns=("scaled",)),
    Fault("kill -9 of PostgreSQL", kill_postgres, columns=("scaled",), plain=False),
    Fault("the database is locked", lock_database, columns=("embedded",), plain=False),
    Fault("bells lost", lose_bells),
    Fault("bells repeated", repeat_bells),
    Fault("bells delayed and shuffled", shuffle_bells),
    Fault("a clock stepped back", step_clock_back),
    Fault("clients that stop reading", stick),
    Fault("200 clients reconnect at once", reconnect_all, audience=twenty_each),
    Fault("sockets cut mid-frame", cut_mid_frame, by_proxy=True),
    Fault("disk full under the spool", fill_disk, plain=False),
    Fault("tokens expire", expire, plain=False, audience=short_tokens),
    Fault("ten devices of one user", cut_some, audience=ten_devices),
)

#: Six for each column, which the test suite plays.
SHORT = (
    "kill -9 of the emitting process",
    "kill -9 of a server",
    "Redis restarted empty",
    "kill -9 of PostgreSQL",
    "the database is locked",
    "bells lost",
    "clients that stop reading",
    "sockets cut mid-frame",
)
