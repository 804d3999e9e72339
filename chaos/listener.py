"""A client: connects, applies, comes back when the connection is gone, and keeps what it applied."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec
import websockets
from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.typing import Subprotocol

from chaos.tally import Mark

#: Seconds, at most, before a client comes back.
BACK_SECONDS = 0.3
SUBPROTOCOL = "agent-events.v1"

Token = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Habits:
    """How a client behaves. With ``device`` it names itself and lets the server remember where it was."""

    device: str | None = None
    renews: bool = True
    plain: bool = False


class Listener:
    """One client of ``user`` at ``url`` (``ws://…``)."""

    def __init__(self, url: str, user: str, round_id: str, token: Token, habits: Habits) -> None:
        self.user = user
        self.applied: list[Mark] = []
        self.connections = 0
        self.gaps = 0
        self._url = url
        self._round = round_id
        self._token = token
        self._habits = habits
        self._epoch = ""
        self._position = 0
        self._greeted = asyncio.Event()
        self._reads = asyncio.Event()
        self._reads.set()
        self._news = asyncio.Event()
        self._socket: Any = None

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                async with self._connect() as socket:
                    self._socket = socket
                    await self._listen(socket)
            except (OSError, EOFError, TimeoutError, WebSocketException, InvalidHandshake):
                pass
            await asyncio.sleep(random.uniform(0, BACK_SECONDS))

    async def greeted(self) -> None:
        """Waits for the first hello."""
        await self._greeted.wait()

    async def has(self, number: int) -> None:
        """Waits until its user's events up to ``number`` have come, in whatever order."""
        while sum(mark.user == self.user for mark in self.applied) < number:
            self._news.clear()
            await self._news.wait()

    def cut(self) -> None:
        """Breaks the connection as a lost network would."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def stall(self, seconds: float) -> None:
        """Reads nothing for a time."""
        self._reads.clear()
        await asyncio.sleep(seconds)
        self._reads.set()

    def _connect(self) -> Any:
        path = f"/ws/events/{self.user}/" if self._habits.plain else f"/ws/events/?{urlencode(self._query())}"
        return _Connection(self._url + path, None if self._habits.plain else self._token)

    def _query(self) -> dict[str, str]:
        if self._habits.device:
            return {"device": self._habits.device}
        return {"after": str(self._position), "epoch": self._epoch} if self._epoch else {}

    async def _listen(self, socket: Any) -> None:
        self.connections += 1
        while True:
            await self._reads.wait()
            frame: dict[str, Any] = msgspec.json.decode(await socket.recv())
            before = self._position
            await self._take(frame, socket)
            if self._position > before and not self._habits.plain:
                await socket.send(f'{{"type":"ack","seq":{self._position}}}')

    async def _take(self, frame: dict[str, Any], socket: Any) -> None:
        match frame["type"]:
            case "hello":
                self._greeted.set()
                if not self._habits.plain and self._epoch != frame["epoch"]:
                    self._epoch, self._position = frame["epoch"], frame["after"]
            case "gap":
                self.gaps += 1
                self._epoch, self._position = frame["epoch"], frame["first"] - 1
            case "batch":
                for event in frame["events"]:
                    self._apply(event)
            case "ping":
                await socket.send('{"type":"pong"}')
            case "expiring":
                if self._habits.renews:
                    token = await self._token()
                    await socket.send(msgspec.json.encode({"type": "auth", "token": token}).decode())
            case "agent_thinking":
                self._apply(frame)

    def _apply(self, event: dict[str, Any]) -> None:
        if not self._habits.plain:
            if event["seq"] <= self._position:
                return  # A client's cursor: what it has, it has.
            self._position = event["seq"]
        payload = event["payload"]
        if payload.get("round") == self._round:
            self.applied.append(Mark(payload["of"], payload["step_number"]))
            self._news.set()


class _Connection:
    """A socket of its own token; plain Channels has none."""

    def __init__(self, address: str, token: Token | None) -> None:
        self._address = address
        self._token = token

    async def __aenter__(self) -> Any:
        offered = None
        if self._token is not None:
            offered = [Subprotocol(SUBPROTOCOL), Subprotocol(f"bearer.{await self._token()}")]
        # While reading is paused this library does not see that the server has hung up; it need not wait for that long.
        self._socket = await websockets.connect(
            self._address, subprotocols=offered, proxy=None, max_queue=4, ping_interval=None, close_timeout=0.5
        )
        return self._socket

    async def __aexit__(self, *exception: object) -> None:
        self._socket.transport.abort()
