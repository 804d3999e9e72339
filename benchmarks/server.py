"""The example project, and beside it `/bench/`, which emits a workload inside the server's own event loop."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from itertools import islice
from typing import Any
from urllib.parse import unquote

import msgspec
import psutil

from netra_events.asgi import application as product

from .plan import Workload

TEXT = "The quick brown fox jumps over the lazy dog. " * 5


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers `/bench/?WORKLOAD` with the moment of the first emit and what it cost; the rest is the product's."""
    if scope["type"] != "http" or scope["path"] != "/bench/":
        await product(scope, receive, send)
        return
    workload = msgspec.json.decode(unquote(scope["query_string"].decode()), type=Workload)
    began, used, held = time.monotonic(), time.process_time(), resident()
    await WORKLOADS[workload.how](workload)
    spent = {"began": began, "cpu": time.process_time() - used, "growth": resident() - held}
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": msgspec.json.encode(spent)})


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(psutil.Process().memory_info().rss)


def thought() -> Any:
    """An event of about 400 bytes on the wire that says when it was made."""
    from emitter.events import AgentThinking

    return AgentThinking(TEXT, time.monotonic_ns())


def contexts(users: int) -> list[Any]:
    """One run for each user."""
    from emitter.context import RunContext

    return [RunContext(str(user), run_id=f"bench-{user}") for user in range(1, users + 1)]


def events(workload: Workload) -> Iterator[Any]:
    """Contexts and events for the users in turn."""
    users = contexts(workload.users)
    return ((users[number % workload.users], thought()) for number in range(workload.count))


async def awaited(workload: Workload) -> None:
    """256 emits under way, each awaited by its caller."""
    await callers(workload, 256)


async def alone(workload: Workload) -> None:
    """Each emit awaited before the next is made."""
    await callers(workload, 1)


async def callers(workload: Workload, number: int) -> None:
    from emitter.service import emitter

    source = events(workload)

    async def caller() -> None:
        for context, event in source:
            await emitter.aemit(context, event)

    await asyncio.gather(*(caller() for _ in range(number)))


async def many(workload: Workload) -> None:
    """`aemit_many` of 100, sixteen under way."""
    from emitter.service import emitter

    source = events(workload)

    async def caller() -> None:
        while batch := list(islice(source, 100)):
            await emitter.aemit_many(batch)

    await asyncio.gather(*(caller() for _ in range(16)))


async def paced(workload: Workload) -> None:
    """So many events a second, each emitted when its moment has come, whatever became of the one before."""
    from emitter.service import emitter

    users, began = contexts(workload.users), time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(workload.count):
            await asyncio.sleep(max(0.0, began + number / workload.per_second - time.monotonic()))
            group.create_task(emitter.aemit(users[number % workload.users], thought()))


WORKLOADS: dict[str, Callable[[Workload], Coroutine[Any, Any, None]]] = {
    "awaited": awaited,
    "alone": alone,
    "many": many,
    "paced": paced,
}
