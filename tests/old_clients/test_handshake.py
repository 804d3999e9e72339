"""The handshake by itself: what ends it, and what does not."""

import asyncio
from typing import Any

import msgspec
import pytest

from emitter.old_door.handshake import MESSAGES, Greeted, greet

FIRST = ['{"type":"connection_established"}', '{"type":"handshake_response","thread_id":"thread_1"}']


def said(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": msgspec.json.encode({"type": kind, **fields}).decode(), "bytes": None}


async def shake(*messages: dict[str, Any], patience: float = 30.0) -> tuple[Greeted, list[str]]:
    """A handshake with a client that says this and then nothing: how it went, and what was written."""
    incoming: asyncio.Queue[Any] = asyncio.Queue()
    for message in messages:
        incoming.put_nowait(message)
    written: list[str] = []

    async def send(message: Any) -> None:
        written.append(message["text"])

    return await greet(incoming.get, send, "thread_1", patience), written


async def test_an_acknowledgement_is_completed() -> None:
    assert await shake(said("handshake_acknowledged", thread_id="thread_1")) == (
        Greeted(acknowledged=True),
        [*FIRST, '{"type":"handshake_complete"}'],
    )


async def test_pings_and_what_wants_nothing_do_not_end_it() -> None:
    greeted, written = await shake(said("ping"), said("session_restore"), said("handshake_acknowledged"))
    assert greeted.acknowledged
    assert written == [*FIRST, '{"type":"pong"}', '{"type":"handshake_complete"}']


@pytest.mark.parametrize(
    "message", [said("chat", message="Hi"), said("dance"), {"type": "x", "bytes": b"\xff"}], ids=str
)
async def test_whoever_says_anything_else_shakes_no_hands(message: dict[str, Any]) -> None:
    assert await shake(message) == (Greeted(said=[message]), FIRST)


async def test_whoever_says_nothing_gets_events_after_a_while() -> None:
    assert await shake(patience=0.01) == (Greeted(), FIRST)


async def test_whoever_leaves_has_left() -> None:
    assert await shake({"type": "websocket.disconnect", "code": 1006}) == (Greeted(has_left=True), FIRST)


async def test_whoever_pings_for_ever_is_not_waited_for() -> None:
    greeted, written = await shake(*[said("ping")] * 100)
    assert (greeted, len(written)) == (Greeted(), len(FIRST) + MESSAGES)
