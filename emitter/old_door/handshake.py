"""The handshake that a command-line client wants before anything else.

It reads one frame after its acknowledgement as the end of the handshake, whatever that is, so no event may come before.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable

from emitter.conversation import writer
from emitter.errors import FrameError
from emitter.old_door import messages
from emitter.old_door.sign_in import Kind
from emitter.old_door.speech import frame

#: Seconds that events are held back for an acknowledgement. A command-line client gives up after seven (two, a pause of
#: three, two); a program may know no handshake at all, and waits for its events.
PATIENCE = {Kind.TERMINAL: 8.0, Kind.PROGRAM: 1.0}
#: Messages that may come before the acknowledgement.
MESSAGES = 20

PONG = frame("pong")
COMPLETE = frame("handshake_complete")


@dataclass(slots=True)
class Greeted:
    """How it went: acknowledged or not, what the client said instead, and whether it has left."""

    acknowledged: bool = False
    said: list[Any] = field(default_factory=list)
    has_left: bool = False


async def greet(receive: ASGIReceiveCallable, send: ASGISendCallable, thread: str, patience: float) -> Greeted:
    """Shakes hands. Ends with the acknowledgement, with what can only mean that none will come, or after a while."""
    write = writer(send)
    greeted = Greeted()
    await write(frame("connection_established"))
    await write(frame("handshake_response", thread_id=thread))
    try:
        async with asyncio.timeout(patience):
            for _ in range(MESSAGES):
                message = await receive()
                if message["type"] == "websocket.disconnect":
                    greeted.has_left = True
                    return greeted
                said: str | bytes = message.get("text") or message.get("bytes") or ""  # type: ignore[assignment]
                match _understood(said):
                    case messages.Ping():
                        await write(PONG)
                    case messages.Silent():
                        pass
                    case messages.Acknowledged():
                        await write(COMPLETE)
                        greeted.acknowledged = True
                        return greeted
                    case _:
                        greeted.said.append(message)
                        return greeted
    except TimeoutError:
        pass
    return greeted


def _understood(said: str | bytes) -> messages.Message | None:
    try:
        return messages.read(said)
    except FrameError:
        return None
