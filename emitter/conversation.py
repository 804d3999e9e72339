"""A session's conversation over a WebSocket: what its dresses have in common, whatever their clients speak."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable
from django.db import DatabaseError, InterfaceError

from emitter import secrecy
from emitter.delivery import Session, reception_here
from emitter.errors import CloseCode, EmitterError, EmitterUnavailable, EventRefused, FrameError

logger = logging.getLogger("emitter")

#: Something that a client asked for and that may take its time.
Work = Callable[[], Awaitable[object]]
#: Hears what the client says, at once, and returns the work that it asks for, if any.
Hear = Callable[[str | bytes], Work | None]
#: The code and the reason with which a session's end is told.
Farewell = Callable[[CloseCode, str], tuple[int, str]]

#: What clients asked for that may wait to be worked on, and the seconds to finish it once the client has left.
WAITING, GOODBYE_SECONDS = 10, 5.0

#: What a closed socket without a code of its own stands for (RFC 6455, section 7.1.5).
NO_CODE = 1005


def headers_of(scope: dict[str, Any]) -> dict[str, str]:
    """The headers of a handshake, named in small letters."""
    return {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}


def query_of(scope: dict[str, Any]) -> dict[str, str]:
    """The parameters of the address. Raises ``bad_request`` when there are more than 20."""
    try:
        pairs = parse_qs(secrecy.query_of(scope).decode("latin1"), max_num_fields=20)
    except ValueError:
        raise EventRefused("bad_request", "The address has more than 20 parameters.") from None
    return {name: values[-1] for name, values in pairs.items()}


def bearer_of(headers: dict[str, str]) -> secrecy.Secret | None:
    """The token of ``Authorization: Bearer``; ``None`` when there is no such header."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return secrecy.Secret(token) if scheme.lower() == "bearer" else None


def writer(send: ASGISendCallable) -> Callable[[str], Awaitable[None]]:
    """What puts a text on the wire."""

    async def write(text: str) -> None:
        await send({"type": "websocket.send", "text": text, "bytes": None})

    return write


def as_it_is(code: CloseCode, reason: str) -> tuple[int, str]:
    """A close code with the session's reason."""
    return int(code), reason


async def converse(
    session: Session, receive: ASGIReceiveCallable, send: ASGISendCallable, hear: Hear, farewell: Farewell = as_it_is
) -> int | None:
    """Runs a session until it ends. Returns the code with which the client left, ``None`` when we closed."""
    async with reception_here().seat(session):
        reader = asyncio.create_task(_listen(receive, session, hear))
        reader.add_done_callback(lambda _: session.gone())
        try:
            code = await session.run()
        finally:
            reader.cancel()
            await asyncio.wait([reader])
        if code is not None:
            number, reason = farewell(code, session.reason)
            await send({"type": "websocket.close", "code": number, "reason": reason})
    return None if reader.cancelled() else reader.result()


async def _listen(receive: ASGIReceiveCallable, session: Session, hear: Hear) -> int:
    """Hears the client until it leaves, and hands the work that it asks for to one worker.

    It reads on whatever takes its time, so that nothing piles up unseen between the server and here.
    """
    asked: asyncio.Queue[Work] = asyncio.Queue(WAITING)
    worker = asyncio.create_task(_work(asked, session))
    try:
        while (message := await receive())["type"] != "websocket.disconnect":
            _take(session, hear, asked, message.get("text") or message.get("bytes") or "")  # type: ignore[arg-type]
        with suppress(TimeoutError):
            await asyncio.wait_for(asked.join(), GOODBYE_SECONDS)  # Who says stop and leaves means it.
        return message.get("code") or NO_CODE
    finally:
        worker.cancel()
        await asyncio.wait([worker])


def _take(session: Session, hear: Hear, asked: asyncio.Queue[Work], said: str | bytes) -> None:
    try:
        work = hear(said)
        if work is None:
            return
        if asked.full():
            raise FrameError("too_many_frames", f"{WAITING} are being worked on; this one was left out.")
        asked.put_nowait(work)
    except EmitterError as refusal:
        session.tell(refusal)


async def _work(asked: asyncio.Queue[Work], session: Session) -> None:
    """Does what the client asked for, one after the other; what cannot be done is told."""
    while True:
        work = await asked.get()
        try:
            await work()
        except EmitterError as refusal:
            session.tell(refusal)
        except (DatabaseError, InterfaceError) as error:
            session.tell(EmitterUnavailable("database_unavailable", f"It was not done; try again later: {error}."))
        except Exception:
            logger.exception("frame_failed: what a client asked for ended in an error")
        finally:
            asked.task_done()
