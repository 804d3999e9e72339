"""The old connection manager behind a real WebSocket server, with gates where its tasks could overtake each other.

As it was: one lock a user and no number on anything; a queue of 50 messages a user, in memory, that is sent again
beside live traffic; a thread's id taken for a user's; success reported whether or not anybody listened. What were
waits of a second are places where a :class:`Gate` can hold a task, so that each race is forced and none is luck.
"""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import websockets
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from .faults import Sighting
from .tellings import owner_in

QUEUE, TRIES = 50, 3


class Gate:
    """Holds every task that comes, until it opens."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[None] = asyncio.Queue()
        self._opened = asyncio.Event()

    async def pass_through(self) -> None:
        self._waiting.put_nowait(None)
        await self._opened.wait()

    async def reached(self, tasks: int = 1) -> None:
        """Returns when so many tasks wait here."""
        async with asyncio.timeout(30):
            for _ in range(tasks):
                await self._waiting.get()

    def open(self) -> None:
        self._opened.set()


class OldManager:
    """Connections by user id, and the three ways to send to them."""

    def __init__(self) -> None:
        self.connections: dict[str, list[ServerConnection]] = defaultdict(list)
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._queues: dict[str, deque[dict[str, Any]]] = defaultdict(lambda: deque(maxlen=QUEUE))
        self._gates: dict[tuple[str, str], Gate] = {}

    def hold(self, place: str, event_type: str) -> Gate:
        """Puts a gate where this type comes by: after the ``check``, at the ``lock``, in the wait for a ``retry``."""
        return self._gates.setdefault((place, event_type), Gate())

    async def at(self, place: str, event_type: str) -> None:
        if gate := self._gates.get((place, event_type)):
            await gate.pass_through()

    async def add_connection(self, user_id: str, socket: ServerConnection) -> None:
        self.connections[user_id].append(socket)
        while self._queues[user_id]:
            await socket.send(json.dumps({**self._queues[user_id].popleft(), "recovered": True}))

    def remove_connection(self, user_id: str, socket: ServerConnection) -> None:
        if socket in self.connections[user_id]:
            self.connections[user_id].remove(socket)

    def is_connection_active(self, user_id: str) -> bool:
        return bool(self.connections[user_id])

    async def send_to_user(self, user_id: str, message: dict[str, Any]) -> None:
        await self.at("lock", message["type"])
        async with self._locks[user_id]:
            sent = [await self._sent(user_id, socket, message) for socket in list(self.connections[user_id])]
            if not any(sent):
                self._queues[user_id].append(message)

    async def _sent(self, user_id: str, socket: ServerConnection, message: dict[str, Any]) -> bool:
        try:
            await socket.send(json.dumps(message))
        except ConnectionClosed:
            self.remove_connection(user_id, socket)
            return False
        return True

    async def send_to_thread(self, thread_id: str, message: dict[str, Any]) -> bool:
        await self.send_to_user(thread_id, message)
        return True

    async def emit_critical_event(self, user_id: str, event_type: str, data: dict[str, Any]) -> None:
        at = datetime.now(UTC).isoformat()
        for attempt in range(1, TRIES + 1):
            message = {"type": event_type, "data": data, "timestamp": at, "critical": True, "attempt": attempt}
            if self.is_connection_active(user_id) or attempt == TRIES:
                return await self.send_to_user(user_id, message)
            await self.at("retry", event_type)


class Page:
    """An old web page with its socket: what it saw, by whom and of whom."""

    def __init__(self, world: "OldWorld", name: str, socket: ClientConnection) -> None:
        self._world, self._name, self._socket = world, name, socket
        self._seen: list[Sighting] = []

    async def seen(self) -> list[Sighting]:
        """Everything that was sent to the page so far; its server says where that ends."""
        await self._world.sockets[self._name].send('"end"')
        await self.read_to('"end"')
        return self._seen

    async def read_to(self, mark: str) -> None:
        async with asyncio.timeout(30):
            while (text := str(await self._socket.recv())) != mark:
                self._seen.append(sighting(text))

    async def leave(self) -> None:
        """Cuts the connection, and returns when the manager knows."""
        gone = self._world.gone[self._name]
        await self._socket.close()
        await gone.wait()


class OldWorld:
    """The manager and the server of its sockets: ``/NAME?as=ID`` registers a page under its user's id and others."""

    def __init__(self) -> None:
        self.manager = OldManager()
        self.sockets: dict[str, ServerConnection] = {}
        self.gone: dict[str, asyncio.Event] = {}
        self.port = 0

    async def _handle(self, socket: ServerConnection) -> None:
        address = urlsplit(socket.request.path)
        name, names = address.path.removeprefix("/"), parse_qs(address.query)["as"]
        self.sockets[name], self.gone[name] = socket, asyncio.Event()
        for registered in names:
            await self.manager.add_connection(registered, socket)
        await socket.send('"registered"')
        await socket.wait_closed()
        for registered in names:
            self.manager.remove_connection(registered, socket)
        self.gone[name].set()

    @asynccontextmanager
    async def page(self, name: str, *names: str) -> AsyncIterator[Page]:
        """An open page of a user, registered under further ids too, as a thread's, so that the bridge reached it."""
        query = "&".join(f"as={registered}" for registered in (name, *names))
        async with websockets.connect(f"ws://127.0.0.1:{self.port}/{name}?{query}", proxy=None) as socket:
            page = Page(self, name, socket)
            await page.read_to('"registered"')
            yield page


@asynccontextmanager
async def old_world() -> AsyncIterator[OldWorld]:
    """The old world, served."""
    world = OldWorld()
    async with serve(world._handle, "127.0.0.1", 0) as server:
        world.port = server.sockets[0].getsockname()[1]
        yield world


def sighting(text: str) -> Sighting:
    """One of the old frames: by its shape, the emitter that sent it."""
    frame = json.loads(text)
    fields = frame.get("data", frame)
    source = "unified_emitter" if "critical" in frame else "agent_websocket_bridge"
    if "payload" not in frame and "data" not in frame:
        source = "transparent_websocket_events"
    run = fields.get("run_id") or frame.get("run_id") or fields.get("request_id", "")
    return Sighting(frame["type"], source, owner_in(text), run)
