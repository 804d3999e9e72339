"""The clients of before, re-created: a page, a command-line client and a Python program, over real sockets.

Each does what the real one was seen to do, and no more: what it shows, what it drops, what makes it throw, how it signs
in, and when it gives up.
"""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
import psutil
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.processes import Daphne

PATIENCE = 60.0
#: A page handles no more frames than this in its life.
FRAMES = 500
FIVE = ["agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"]
#: Words of a protocol that none of them knows.
UNKNOWN = {"hello", "batch", "gap", "position", "ping", "expiring"}


class OldClient:
    """What they share: a socket, and the frames that came."""

    def __init__(self, server: Daphne) -> None:
        self.server = server
        self.socket: Any = None
        self.frames: list[dict[str, Any]] = []

    async def dial(self, offered: list[str], headers: Mapping[str, str], **query: str) -> None:
        """Opens a socket to ``/ws``. Raises ``InvalidStatus`` when it is refused at the handshake."""
        address = "/ws" + (f"?{urlencode(query)}" if query else "")
        self.socket = await self.at(address, headers, offered)

    def at(self, address: str, headers: Mapping[str, str], offered: Sequence[str] = ()) -> Any:
        """A bare socket."""
        return websockets.connect(
            f"{self.server.ws_url}{address}",
            subprotocols=[Subprotocol(name) for name in offered] or None,
            additional_headers=headers,
            proxy=None,
        )

    async def say(self, kind: str, **fields: Any) -> None:
        await self.socket.send(msgspec.json.encode({"type": kind, **fields}).decode())

    async def hear(self) -> dict[str, Any]:
        """The next frame."""
        async with asyncio.timeout(PATIENCE):
            frame: dict[str, Any] = msgspec.json.decode(await self.socket.recv())
        assert frame["type"] not in UNKNOWN, f"an older client cannot read {frame}"
        self.frames.append(frame)
        return frame

    async def hear_until(self, kind: str) -> dict[str, Any]:
        """Reads on to a frame of this type."""
        while (frame := await self.hear())["type"] != kind:
            pass
        return frame

    async def cut(self) -> None:
        """The connection breaks, nobody says goodbye, and the server knows: until then it writes to nobody."""
        _, port, *_ = self.socket.local_address
        self.socket.transport.abort()
        await self.socket.wait_closed()
        assert self.server.process
        process = psutil.Process(self.server.process.pid)
        async with asyncio.timeout(PATIENCE):
            while any(known.raddr and known.raddr.port == port for known in process.net_connections("tcp")):
                await asyncio.sleep(0.01)

    async def hang_up(self) -> None:
        await self.socket.close()

    async def closed(self) -> tuple[int, str]:
        """The code and the reason with which the server closes."""
        with suppress(ConnectionClosed):
            while True:
                await self.hear()
        return self.socket.close_code, self.socket.close_reason

    @property
    def types(self) -> list[str]:
        return [frame["type"] for frame in self.frames]


class Page(OldClient):
    """The web front end. It lives on when its socket breaks, and comes back without saying where it was."""

    def __init__(self, server: Daphne, *, token: str | None = None, cookie: str | None = None, shape: str = "") -> None:
        super().__init__(server)
        self._token, self._cookie = token, cookie
        self._query = {"shape": shape} if shape else {}
        self._seen: set[str] = set()
        self._handled = 0
        self.shown: list[str] = []
        self.thoughts: list[str] = []
        self.tools_done: list[str] = []
        self.errors: list[str] = []
        self.report = ""
        self.spins = False

    async def come(self) -> None:
        """Connects, or connects again. A browser fails a socket that is not answered what it offered."""
        if self._token is None:
            await self.dial([], {"Origin": self.server.url, "Cookie": self._cookie or ""}, **self._query)
            return
        wrapped = urlsafe_b64encode(self._token.encode()).decode().rstrip("=")
        await self.dial(["jwt-auth", f"jwt.{wrapped}"], {"Origin": self.server.url}, **self._query)
        assert self.socket.subprotocol == "jwt-auth", "the browser fails the connection"

    async def ask(self, text: str) -> None:
        self.spins = True
        await self.say("start_agent", payload={"user_request": text, "thread_id": None, "context": {}, "settings": {}})

    async def wait(self) -> None:
        """Reads until the spinner ends."""
        while self.spins:
            await self.hear()

    async def hear(self) -> dict[str, Any]:
        frame = await super().hear()
        self._handled += 1
        if self._handled <= FRAMES:
            self._show(frame)
        return frame

    def _show(self, frame: Mapping[str, Any]) -> None:
        if frame["type"] == "pong":
            return
        payload = frame["payload"]  # Without one the page's handler throws.
        message_id = payload.get("message_id")
        if message_id in self._seen:
            return
        self._seen |= {message_id} - {None}
        self.shown.append(frame["type"])
        match frame["type"]:
            case "agent_thinking":
                self.thoughts.append(payload.get("reasoning") or payload.get("message") or "Processing…")
            case "tool_completed":
                self.tools_done.append(payload["tool_name"])
            case "final_report":
                self.report, self.spins = payload["report"], False
            case "error":
                self.errors.append(payload["error_message"])
                self.spins = False


class Terminal(OldClient):
    """The command-line client: tries its ways to sign in one by one, then shakes hands, and gives up in time."""

    WAITS, PAUSE = (2.0, 2.0), 3.0

    def __init__(self, server: Daphne, token: str, environment: str = "staging") -> None:
        super().__init__(server)
        self._token, self._environment = token, environment
        self.way: dict[str, Any] = {}
        self.thread = ""
        self.swallowed: dict[str, Any] = {}
        self.answer = ""

    def ways(self) -> Iterator[dict[str, Any]]:
        """In its order: beside the protocol, in the address, in the header."""
        for prefix in ("jwt", "jwt-auth", "bearer"):
            yield {"offered": [f"{prefix}.{self._environment}.{self._token}"]}
        yield {"offered": [f"staging-auth.{self._token}"]}
        for prefix in ("jwt", "jwt-auth", "bearer"):
            yield {"offered": [f"{prefix}.{self._token}"]}
        yield {"token": self._token, "env": self._environment}
        yield {"headers": {"Authorization": f"Bearer {self._token}"}}

    async def come(self, only: int | None = None) -> None:
        """Goes on to the next way only when it is refused at the handshake."""
        for number, way in enumerate(self.ways()):
            if only not in (None, number):
                continue
            self.way = way
            try:
                await self.dial(**{"offered": [], "headers": {}, **way})
            except InvalidStatus:
                continue
            await self._shake_hands()
            return
        raise SystemExit(2)

    async def _shake_hands(self) -> None:
        """Waits, pauses and waits again for the server's part. One frame after the acknowledgement is swallowed."""
        for patience in self.WAITS:
            try:
                async with asyncio.timeout(patience):
                    self.thread = (await self.hear_until("handshake_response"))["thread_id"]
                break
            except TimeoutError:
                await asyncio.sleep(self.PAUSE)
        else:
            raise SystemExit(2)
        await self.say("handshake_acknowledged", thread_id=self.thread)
        self.swallowed = await self.hear()
        self.frames.clear()

    async def ask(self, text: str) -> None:
        run = "cli_20260102_030405_4242"
        await self.say("user_message", payload={"content": text, "thread_id": self.thread, "run_id": run})

    async def wait(self) -> None:
        """Reads to the end of the run, and the answer."""
        frame = await self.hear_until("agent_completed")
        fields = {**frame, **frame.get("payload", {}), **frame.get("data", {})}
        self.answer = fields.get("final_response") or fields.get("response") or ""

    def fields(self, kind: str) -> dict[str, Any]:
        """What it makes of the first frame of a type: payload or data, merged with the top level."""
        frame = next(frame for frame in self.frames if frame["type"] == kind)
        return {**frame, **frame.get("payload", {}), **frame.get("data", {})}


class Program(OldClient):
    """A Python client: a token in the header, no Origin, and claims that prove nothing."""

    def __init__(self, server: Daphne, token: str | None, shape: str = "", **claims: str) -> None:
        super().__init__(server)
        self._headers = {**claims, **({"Authorization": f"Bearer {token}"} if token else {})}
        self._query = {"shape": shape} if shape else {}

    async def come(self) -> None:
        await self.dial([], self._headers, **self._query)

    async def hear(self) -> dict[str, Any]:
        """Frames of a handshake mean nothing to it."""
        while (frame := await super().hear())["type"] in ("connection_established", "handshake_response"):
            self.frames.pop()
        return frame


C = TypeVar("C", Page, Terminal, Program)


@asynccontextmanager
async def visit(client: C) -> AsyncIterator[C]:
    """A client that has come, and hangs up at the end."""
    await client.come()
    try:
        yield client
    finally:
        await client.hang_up()
