"""For a team's own tests: what was emitted, and a client that reads a user's stream.

Works under ``TestCase`` (where nothing is committed), ``TransactionTestCase``, Django's async tests and pytest::

    with capture_events() as events:
        answer_customer(user)
    assert [event.type for event in events] == ["agent_started", "agent_completed"]

    async with EventsClient(user) as client:
        await start_agent(user)
        event = await client.receive_event("agent_completed")
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import msgspec
from asgiref.testing import ApplicationCommunicator

from emitter import blocking, log, wire
from emitter.consumers import EventsConsumer
from emitter.delivery import reception_here
from emitter.events import FINAL
from emitter.models import RunState
from emitter.policy import identity, users

#: Seconds that a client waits for an event before the test fails.
PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Emitted:
    """One stored event, as a client sees it."""

    user: str
    seq: int
    type: str
    run: str
    thread: str
    agent: str
    payload: Mapping[str, Any]
    after_end: bool = False
    source: str = "emitter"


def _emitted(key: str, event: Mapping[str, Any]) -> Emitted:
    return Emitted(
        user=key,
        seq=event["seq"],
        type=event["type"],
        run=event["run_id"],
        thread=event["thread_id"],
        agent=event["agent_name"],
        payload=event["payload"],
        after_end=event.get("after_end", False),
        source=event.get("source", "emitter"),
    )


class capture_events(AbstractContextManager["capture_events"], AbstractAsyncContextManager["capture_events"]):  # noqa: N801
    """The events stored inside the block, per user in order: ``with capture_events() as events`` (or ``async with``).

    It reads the log when the block ends, on the test's own connection, so it sees what a ``TestCase`` never commits.
    """

    def __init__(self) -> None:
        self.events: list[Emitted] = []
        self._heads: dict[str, int] = {}

    def __iter__(self) -> Iterator[Emitted]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def __getitem__(self, index: int) -> Emitted:
        return self.events[index]

    def __enter__(self) -> capture_events:
        self._heads = {key: head for key, (_, head) in log.heads(log.stream_keys()).items()}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.events = [event for key in log.stream_keys() for event in _read(key, self._heads.get(key, 0))]

    async def __aenter__(self) -> capture_events:
        return await blocking.run(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await blocking.run(self.__exit__, kind, error, trace)


def assert_emitted(event_type: str, *, user: Any = None, run: str | None = None, **payload: Any) -> Emitted:
    """Asserts that an event of this type is stored, with these payload values, and returns the last such event.

    ``user`` is a user object or a key.
    """
    keys = log.stream_keys() if user is None else [_key(user)]
    stored = [event for key in keys for event in _read(key, 0)]
    found = [
        event
        for event in stored
        if event.type == event_type and run in (None, event.run) and payload.items() <= dict(event.payload).items()
    ]
    seen = ", ".join(f"{event.type} {dict(event.payload)}" for event in stored) or "nothing at all"
    assert found, f"No {event_type} with {payload or 'any payload'} was emitted; stored is: {seen}"
    return found[-1]


def assert_run_complete(run_id: str) -> list[Emitted]:
    """Asserts that a run started and ended, and, if it ended well, completed its tools. Returns its events."""
    run = log.run_of(run_id)
    assert run is not None, f"There is no run {run_id!r}."
    events = [event for event in _read(run.stream, run.first_seq - 1) if event.run == run_id]
    types = [event.type for event in events if not event.after_end]
    assert types[0] == "agent_started", f"Run {run_id!r} began with {types[0]}."
    assert run.state != RunState.RUNNING, f"Run {run_id!r} has not ended; its events are {types}."
    assert types[-1] in FINAL, f"Run {run_id!r} ended with {types[-1]}."
    begun, ended = types.count("tool_executing"), types.count("tool_completed")
    assert begun == ended or run.state != RunState.COMPLETED, (
        f"Run {run_id!r} began {begun} tools and completed {ended}."
    )
    return events


async def aassert_emitted(event_type: str, **wanted: Any) -> Emitted:
    """The async twin of :func:`assert_emitted`."""
    return await blocking.run(assert_emitted, event_type, **wanted)


async def aassert_run_complete(run_id: str) -> list[Emitted]:
    """The async twin of :func:`assert_run_complete`."""
    return await blocking.run(assert_run_complete, run_id)


class EventsClient(AbstractAsyncContextManager["EventsClient"]):
    """A socket client for one user, inside the test's own process: needs no server.

    It reads the log often, so that it also hears what a ``TestCase`` never commits.
    """

    def __init__(self, user: Any, **query: Any) -> None:
        self._user = user
        self._query = query
        self.hello: dict[str, Any] = {}
        self._socket: Any = None

    async def __aenter__(self) -> EventsClient:
        self._key = await blocking.run(_key, self._user)
        self._pending: list[Emitted] = []
        token = identity.create_token(self._key, seconds=3_600)
        self._socket = ApplicationCommunicator(  # type: ignore[no-untyped-call]
            EventsConsumer.as_asgi(),
            {
                "type": "websocket",
                "path": "/ws/events/",
                "query_string": urlencode(self._query).encode(),
                "headers": [],
                "subprotocols": [wire.SUBPROTOCOL, f"bearer.{token}"],
            },
        )
        await self._socket.send_input({"type": "websocket.connect"})
        accepted = await self._socket.receive_output(PATIENCE)
        assert accepted["type"] == "websocket.accept", accepted
        self.hello = await self.receive_frame()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self._socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._socket.wait(PATIENCE)

    async def send_frame(self, **frame: Any) -> None:
        """Says something to the session: ``await client.send_frame(type="ack", seq=3)``."""
        await self._socket.send_input({"type": "websocket.receive", "text": msgspec.json.encode(frame).decode()})

    async def receive_frame(self) -> dict[str, Any]:
        """The next frame of the protocol, whatever it is. Fails after five seconds, or when the socket is closed."""
        message = await self._socket.receive_output(PATIENCE)
        assert message["type"] == "websocket.send", f"The socket was closed: {message}"
        frame: dict[str, Any] = msgspec.json.decode(message["text"])
        return frame

    async def receive_event(self, event_type: str | None = None) -> Emitted:
        """The next event, or the next one of a type. Fails after five seconds."""
        async with asyncio.timeout(PATIENCE):
            while True:
                event = await self._next()
                if event_type in (None, event.type):
                    return event

    async def _next(self) -> Emitted:
        while not self._pending:
            await reception_here().look()
            frame = await self.receive_frame()
            bodies = frame["events"] if frame["type"] == "batch" else [frame]
            self._pending.extend(_emitted(self._key, body) for body in bodies if "id" in body)
        return self._pending.pop(0)


def _read(key: str, after: int) -> Iterator[Emitted]:
    while page := log.read_after(key, after):
        for stored in page:
            yield _emitted(key, msgspec.json.decode(stored.body))
        after = page[-1].seq


def _key(user: Any) -> str:
    return user if isinstance(user, str) else users.key_of(user)
