"""The example project, and beside it `/bench/NAME/`, which emits a workload inside the server's own event loop."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from itertools import islice
from typing import Any

import msgspec

from netra_events.asgi import application as product

USERS = 200
TEXT = "The quick brown fox jumps over the lazy dog. " * 5


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers `/bench/NAME/?COUNT` with the moment of the first emit; everything else is the product's."""
    if scope["type"] != "http" or not scope["path"].startswith("/bench/"):
        await product(scope, receive, send)
        return
    workload = WORKLOADS[scope["path"].split("/")[2]]
    began, used = time.monotonic(), time.process_time()
    await workload(int(scope["query_string"]))
    body = msgspec.json.encode({"began": began, "cpu": time.process_time() - used})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def contexts() -> list[Any]:
    """One run for each user."""
    from emitter.context import RunContext

    return [RunContext(str(user), run_id=f"bench-{user}") for user in range(1, USERS + 1)]


def thought() -> Any:
    """An event of about 400 bytes on the wire that says when it was made."""
    from emitter.events import AgentThinking

    return AgentThinking(TEXT, time.monotonic_ns())


def events(count: int) -> Any:
    """Contexts and events for the users in turn."""
    users = contexts()
    return ((users[number % USERS], thought()) for number in range(count))


async def awaited(count: int) -> None:
    """256 emits under way, each awaited by its caller."""
    from emitter.service import emitter

    source = events(count)

    async def caller() -> None:
        for context, event in source:
            await emitter.aemit(context, event)

    await asyncio.gather(*(caller() for _ in range(256)))


async def many(count: int) -> None:
    """`aemit_many` of 100, sixteen under way."""
    from emitter.service import emitter

    source = events(count)

    async def caller() -> None:
        while batch := list(islice(source, 100)):
            await emitter.aemit_many(batch)

    await asyncio.gather(*(caller() for _ in range(16)))


async def steady(count: int) -> None:
    """300 events a second, one by one."""
    from emitter.service import emitter

    users, began, tasks = contexts(), time.monotonic(), []
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / 300 - time.monotonic()))
        tasks.append(asyncio.ensure_future(emitter.aemit(users[number % USERS], thought())))
    await asyncio.gather(*tasks)


WORKLOADS: dict[str, Callable[[int], Coroutine[Any, Any, None]]] = {"awaited": awaited, "many": many, "steady": steady}
