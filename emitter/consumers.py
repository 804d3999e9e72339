"""A session dressed as a WebSocket: signs the client in, carries frames in and out, and closes with a code."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable
from channels.consumer import AsyncConsumer
from django.db import DatabaseError, InterfaceError

from emitter import agents, blocking, metrics, secrecy, wire
from emitter.context import check_id
from emitter.delivery import Session, Visitor, reception_here
from emitter.delivery.speech import FRAMES, PLAIN, Speech
from emitter.errors import CODES, CloseCode, EmitterError, EmitterUnavailable, EventRefused, FrameError, NotAllowed
from emitter.policy import door, identity
from emitter.policy.identity import Identity
from emitter.secrecy import Secret

logger = logging.getLogger("emitter")

#: Frames of one client that may wait to be acted on.
WAITING = 10
#: Seconds that they have to be done once the client has left.
GOODBYE_SECONDS = 5.0


class EventsConsumer(AsyncConsumer):  # type: ignore[misc]
    """``/ws/events/``. Its own loop, because Channels' dispatch hops to a thread before every message."""

    async def __call__(self, scope: dict[str, Any], receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await receive()
        headers = {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}
        offered = scope.get("subprotocols", [])
        speaks = wire.SUBPROTOCOL if wire.SUBPROTOCOL in offered else None
        accept: Any = {"type": "websocket.accept", "subprotocol": speaks}
        try:
            door.admit((scope.get("client") or [None])[0])
            who = await _sign_in(scope, headers, offered)
            visitor = _visitor(who, scope, PLAIN if speaks is None else FRAMES)
        except _ForeignOrigin:
            await send({"type": "websocket.close", "code": 1000, "reason": None})
            return
        except EmitterError as refusal:
            metrics.REFUSED.labels(code=refusal.code).inc()
            await send(accept)
            await send({"type": "websocket.close", "code": int(_close_code(refusal)), "reason": refusal.code})
            return
        await send(accept)
        await _converse(visitor, receive, send)


async def _converse(visitor: Visitor, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    async def write(text: str) -> None:
        await send({"type": "websocket.send", "text": text, "bytes": None})

    session = Session(visitor, write)
    async with reception_here().seat(session):
        reader = asyncio.create_task(_listen(receive, session))
        reader.add_done_callback(lambda _: session.gone())
        try:
            code = await session.run()
        finally:
            reader.cancel()
            await asyncio.wait([reader])
        if code is not None:
            await send({"type": "websocket.close", "code": int(code), "reason": session.reason})
    if not reader.cancelled():
        reader.result()


async def _listen(receive: ASGIReceiveCallable, session: Session) -> None:
    """Hands the client's frames to the session, and those that are not its business to one worker.

    It reads on whatever takes its time, so that nothing piles up unseen between the server and here.
    """
    asked: asyncio.Queue[wire.ClientFrame] = asyncio.Queue(WAITING)
    worker = asyncio.create_task(_act(asked, session))
    try:
        while (message := await receive())["type"] != "websocket.disconnect":
            frame = session.received(message.get("text") or message.get("bytes") or "")  # type: ignore[arg-type]
            if frame is None:
                continue
            if asked.full():
                session.tell(FrameError("too_many_frames", f"{WAITING} are being worked on; this one was left out."))
            else:
                asked.put_nowait(frame)
        with suppress(TimeoutError):
            await asyncio.wait_for(asked.join(), GOODBYE_SECONDS)  # Who says stop and leaves means it.
        session.gone()
    finally:
        worker.cancel()
        await asyncio.wait([worker])


async def _act(asked: asyncio.Queue[wire.ClientFrame], session: Session) -> None:
    """Does what the client's frames ask for, one after the other."""
    while True:
        frame = await asked.get()
        try:
            match frame:
                case wire.Cancel(run):
                    await agents.acancel(run, session.identity)
                case wire.Auth(token):
                    session.renewed(await blocking.run(identity.of_token, Secret(token)))
        except EmitterError as refusal:
            session.tell(refusal)
        except (DatabaseError, InterfaceError) as error:
            session.tell(EmitterUnavailable("database_unavailable", f"It was not done; try again later: {error}."))
        except Exception:
            logger.exception("frame_failed: a client's %s ended in an error", type(frame).__name__.lower())
        finally:
            asked.task_done()


def _close_code(refusal: EmitterError) -> CloseCode:
    """The code for a client that is not let in: whether it should come back, and what it should change."""
    if CODES[refusal.code].retry:
        return CloseCode.TOO_MANY_SESSIONS if refusal.status == 429 else CloseCode.RESTARTING
    return CloseCode.BAD_FRAME if isinstance(refusal, EventRefused) else CloseCode.NOT_AUTHENTICATED


class _ForeignOrigin(Exception):
    """A cookie came from a page of another site."""


async def _sign_in(scope: dict[str, Any], headers: dict[str, str], offered: list[str]) -> Identity:
    """By token or ticket from a header, the subprotocols or the address; else by the session cookie."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return await blocking.run(identity.of_token, Secret(bearer))
    for protocol in offered:
        kind, _, secret = protocol.partition(".")
        if kind == "bearer" and secret:
            return await blocking.run(identity.of_token, Secret(secret))
        if kind == "ticket" and secret:
            return await blocking.run(identity.of_ticket, Secret(secret))
    if ticket := _query(scope).get("ticket"):
        return await blocking.run(identity.of_ticket, Secret(ticket))
    if origin := headers.get("origin"):
        if not identity.is_own_origin(origin, headers.get("host", "")):
            raise _ForeignOrigin
        return await blocking.run(identity.of_cookies, headers.get("cookie", ""))
    raise NotAllowed("not_authenticated", "Send a token, a ticket, or a session cookie together with its Origin.")


def _visitor(who: Identity, scope: dict[str, Any], speech: Speech) -> Visitor:
    query = _query(scope)
    after, device = query.get("after"), query.get("device")
    if after is not None and not (after.isascii() and after.isdigit() and len(after) < 19):
        raise EventRefused("bad_request", "The parameter 'after' is the number of an event.")
    return Visitor(
        identity=who,
        after=None if after is None else int(after),
        epoch=query.get("epoch"),
        device=None if device is None else check_id("device", device),
        speech=speech,
    )


def _query(scope: dict[str, Any]) -> dict[str, str]:
    try:
        pairs = parse_qs(secrecy.query_of(scope).decode("latin1"), max_num_fields=20)
    except ValueError:
        raise EventRefused("bad_request", "The address has more than 20 parameters.") from None
    return {name: values[-1] for name, values in pairs.items()}
