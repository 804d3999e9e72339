"""A session dressed as Server-Sent Events, for where WebSockets are blocked.

``Last-Event-ID: EPOCH:SEQ`` resumes. The client says nothing, so a stream has a rate, and ends after some mebibytes:
the browser comes back by itself and goes on from the last id.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from emitter import wire
from emitter.cursor import Claim
from emitter.delivery.reception import reception_here
from emitter.delivery.session import Session
from emitter.delivery.speech import EVENT_STREAM
from emitter.delivery.visitor import Visitor
from emitter.errors import CloseCode, EventRefused
from emitter.texts import number_in

#: Milliseconds after which a browser tries again.
RETRY = 1_000


def place(last_event_id: str) -> Claim:
    """The position that ``EPOCH:SEQ`` names. Raises ``bad_request``."""
    epoch, _, seq = last_event_id.rpartition(":")
    after = number_in(seq)
    if after is None or len(epoch) > 64:
        raise EventRefused("bad_request", "Last-Event-ID is EPOCH:SEQ, the id of the last event that arrived.")
    return Claim(after=after, epoch=epoch or None)


async def stream(visitor: Visitor) -> AsyncIterator[str]:
    """What goes on the wire, until the client leaves or the session ends with a ``close`` message."""
    parts: asyncio.Queue[str | None] = asyncio.Queue(1)
    session = Session(visitor, parts.put)
    async with reception_here().seat(session):
        conversation = asyncio.create_task(_converse(session, parts))
        try:
            yield f"retry: {RETRY}\n\n"
            while (part := await parts.get()) is not None:
                yield part
            if (code := conversation.result()) is not None:
                yield EVENT_STREAM.control(wire.close(code, session.reason))[0]
        finally:
            session.gone()
            conversation.cancel()


async def _converse(session: Session, parts: asyncio.Queue[str | None]) -> CloseCode | None:
    code = await session.run()
    await parts.put(None)
    return code
