"""Those who watch the stage: clients over real sockets, and what they saw."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import msgspec

from tests.processes import Daphne
from tests.sockets import Client, connect

from .faults import Sighting
from .tellings import owner_in


async def act(server: Daphne, name: str, **arguments: Any) -> Any:
    """Has the server's own process emit; see :mod:`.stage`."""
    async with httpx.AsyncClient(base_url=server.url, timeout=120) as http:
        return (await http.post(f"/acts/{name}/", content=msgspec.json.encode(arguments))).raise_for_status().json()


@asynccontextmanager
async def audience(server: Daphne, users: Sequence[str]) -> AsyncIterator[dict[str, Client]]:
    """One client for each user, all connected, for whatever comes from now on."""
    async with AsyncExitStack() as stack:
        joining = (stack.enter_async_context(connect(server, user)) for user in users)
        yield dict(zip(users, await asyncio.gather(*joining), strict=True))


async def watch(server: Daphne, users: Sequence[str], each: int, many: int = 1) -> dict[str, list[dict[str, Any]]]:
    """So many numbered thoughts for each user, in the sight of all. Returns what each of them applied of these."""
    async with audience(server, users) as clients:
        playing = asyncio.create_task(act(server, "thoughts", users=users, each=each, many=many))
        await asyncio.gather(*(client.until(client.position + each) for client in clients.values()))
        assert await playing == each * len(users)
    return {user: events_of(client) for user, client in clients.items()}


def events_of(client: Client) -> list[dict[str, Any]]:
    """What a client applied, in its order; each number was one more than that before, or the client had failed."""
    return [msgspec.json.decode(text) for text in client.applied]


def sightings(client: Client) -> list[Sighting]:
    """The same, in the words of the checks of :mod:`.faults`."""
    return [
        Sighting(event["type"], event.get("source", "emitter"), owner_in(text), event["run_id"])
        for event, text in zip(events_of(client), client.applied, strict=True)
    ]
