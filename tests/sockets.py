"""A client of ``agent-events.v1`` for the tests: keeps what it applied, and holds the server to the protocol.

It speaks over a real socket (:func:`connect`) or straight to a session in this process (:func:`converse`), and both
ways end with the same exception of ``websockets``.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx
import msgspec
import websockets
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close
from websockets.typing import Subprotocol

from emitter.delivery import Session, Visitor, reception_here
from emitter.delivery.speech import PLAIN
from emitter.policy.identity import Identity, create_token
from emitter.wire import SUBPROTOCOL

from .processes import Daphne

#: Seconds that a client waits for what must come, on a machine that has other things to do.
PATIENCE = 60.0

Headers = Mapping[str, str]


class Transport(Protocol):
    """What carries text frames."""

    async def send(self, message: str, /) -> None: ...

    async def recv(self) -> str | bytes: ...


class _Batch(msgspec.Struct):
    events: list[msgspec.Raw]


class Client:
    """Applies events as every client must: the next number each time, unless a frame explains why not."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.hello: dict[str, Any] = {}
        self.epoch = ""
        self.position = 0
        self.applied: list[str] = []
        self.frames: list[dict[str, Any]] = []
        self.reason = ""

    async def send(self, frame_type: str, **fields: Any) -> None:
        await self._transport.send(msgspec.json.encode({"type": frame_type, **fields}).decode())

    async def receive(self) -> dict[str, Any]:
        """The next frame, applied."""
        async with asyncio.timeout(PATIENCE):
            text = await self._transport.recv()
        assert isinstance(text, str)
        frame: dict[str, Any] = msgspec.json.decode(text)
        self.frames.append(frame)
        self._apply(frame, text)
        return frame

    async def expect(self, *frame_types: str) -> dict[str, Any]:
        """The next frame that is one of these, after whatever comes before."""
        while True:
            frame = await self.receive()
            if frame["type"] in frame_types:
                return frame

    async def until(self, seq: int, *, ack: bool = True) -> list[int]:
        """Reads on to a number. Returns the numbers applied so far."""
        while self.position < seq:
            await self.receive()
            if ack:
                await self.send("ack", seq=self.position)
        return self.seqs

    async def closed(self) -> int:
        """The code with which the server closes, after whatever it says before."""
        try:
            while True:
                await self.receive()
        except ConnectionClosed as end:
            assert end.rcvd is not None
            self.reason = end.rcvd.reason
            return end.rcvd.code

    @property
    def seqs(self) -> list[int]:
        return [msgspec.json.decode(text)["seq"] for text in self.applied]

    @property
    def types(self) -> list[str]:
        return [frame["type"] for frame in self.frames]

    def _apply(self, frame: dict[str, Any], text: str) -> None:
        match frame["type"]:
            case "hello":
                self.hello, self.epoch, self.position = frame, frame["epoch"], frame["after"]
            case "gap":
                self.epoch, self.position = frame["epoch"], frame["first"] - 1
            case "position":
                assert frame["seq"] > self.position
                self.position = frame["seq"]
            case "batch":
                for event in msgspec.json.decode(text, type=_Batch).events:
                    self._apply_event(bytes(event).decode())
            case _ if "seq" in frame:
                self._apply_event(text)

    def _apply_event(self, text: str) -> None:
        seq = msgspec.json.decode(text)["seq"]
        assert seq == self.position + 1, f"#{seq} came after #{self.position}"
        self.applied.append(text)
        self.position = seq


class Line:
    """A session in this process, as a transport. ``session`` is the other end."""

    def __init__(self, visitor: Visitor) -> None:
        self._written: asyncio.Queue[str | Close] = asyncio.Queue()
        self.session = Session(visitor, self._written.put)

    async def send(self, message: str, /) -> None:
        self.session.received(message)

    async def recv(self) -> str:
        written = await self._written.get()
        if isinstance(written, Close):
            raise ConnectionClosed(written, None)
        return written

    async def run(self) -> None:
        async with reception_here().seat(self.session):
            code = await self.session.run()
        if code is not None:
            await self._written.put(Close(code, self.session.reason))


class Conversation(Client):
    """A client of a session in this process."""

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self.session = line.session


@asynccontextmanager
async def converse(who: str | Identity, **visit: Any) -> AsyncIterator[Conversation]:
    """A conversation that has begun; ``visit`` is what the address says (``after``, ``epoch``, ``device``)."""
    identity = Identity(who) if isinstance(who, str) else who
    line = Line(Visitor(identity, **visit))
    running = asyncio.create_task(line.run())
    try:
        client = Conversation(line)
        if visit.get("speech") is not PLAIN:
            await client.receive()
        yield client
    finally:
        line.session.gone()
        await running


@asynccontextmanager
async def connect(server: Daphne, key: str, **query: Any) -> AsyncIterator[Client]:
    """A client over a real socket that has said hello; ``query`` goes into the address."""
    async with open_socket(server, bearer(key), **query) as socket:
        client = Client(socket)
        await client.receive()
        yield client


def bearer(key: str, seconds: float = 3_600) -> list[str]:
    """The subprotocols of a client that signs in by token; one that lives on however long the test takes."""
    return [SUBPROTOCOL, f"bearer.{create_token(key, seconds=seconds)}"]


def open_socket(server: Daphne, offered: Sequence[str] = (), headers: Headers | None = None, **query: Any) -> Any:
    """A bare socket to ``/ws/events/``."""
    return websockets.connect(
        f"{server.ws_url}/ws/events/?{urlencode(query)}",
        subprotocols=[Subprotocol(name) for name in offered] or None,
        additional_headers=headers,
        proxy=None,
        open_timeout=PATIENCE,
        ping_timeout=PATIENCE,
    )


def requests(server: Daphne, **options: Any) -> httpx.AsyncClient:
    """A client over HTTP that waits for its answers."""
    return httpx.AsyncClient(base_url=server.url, timeout=PATIENCE, trust_env=False, **options)


async def emit_there(server: Daphne, key: str, number: int = 1) -> None:
    """Emits in the server's own process."""
    item = {"user": key, "run": f"run of {key}", "type": "agent_thinking", "payload": {"thought": "Hm"}}
    token = create_token(key, seconds=3_600, emit=True)
    async with requests(server, headers={"Authorization": f"Bearer {token}"}) as http:
        (await http.post("/api/events/", json=[item] * number)).raise_for_status()
