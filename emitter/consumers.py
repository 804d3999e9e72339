"""A session dressed as a WebSocket: signs the client in, carries frames in and out, and closes with a code."""

from __future__ import annotations

from functools import partial
from typing import Any

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable
from channels.consumer import AsyncConsumer

from emitter import agents, blocking, wire
from emitter.conversation import Work, bearer_of, converse, headers_of, query_of, writer
from emitter.delivery import Session, Visitor
from emitter.delivery.speech import FRAMES, PLAIN
from emitter.errors import CODES, CloseCode, EmitterError, EventRefused, NotAllowed
from emitter.policy import door, identity, refusals
from emitter.policy.identity import Identity
from emitter.secrecy import Secret


class EventsConsumer(AsyncConsumer):  # type: ignore[misc]
    """``/ws/events/``. Its own loop, because Channels' dispatch hops to a thread before every message."""

    async def __call__(self, scope: dict[str, Any], receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await receive()
        headers = headers_of(scope)
        offered = scope.get("subprotocols", [])
        speaks = wire.SUBPROTOCOL if wire.SUBPROTOCOL in offered else None
        accept: Any = {"type": "websocket.accept", "subprotocol": speaks}
        try:
            door.admit((scope.get("client") or [None])[0])
            who = await _sign_in(scope, headers, offered)
            visitor = Visitor.asking(who, query_of(scope), PLAIN if speaks is None else FRAMES)
        except _ForeignOrigin:
            await send({"type": "websocket.close", "code": 1000, "reason": None})
            return
        except EmitterError as refusal:
            refusals.note_client(refusal)
            await send(accept)
            await send({"type": "websocket.close", "code": int(_close_code(refusal)), "reason": refusal.code})
            return
        await send(accept)
        session = Session(visitor, writer(send))
        await converse(session, receive, send, partial(_hear, session))


def _hear(session: Session, said: str | bytes) -> Work | None:
    """Hands a frame to the session; what is not its own business is work for the shell."""
    match session.received(said):
        case wire.Cancel(run):
            return partial(agents.acancel, run, session.identity)
        case wire.Auth(token):
            return partial(_renew, session, Secret(token))
    return None


async def _renew(session: Session, token: Secret) -> None:
    session.renewed(await blocking.run(identity.of_token, token))


def _close_code(refusal: EmitterError) -> CloseCode:
    """The code for a client that is not let in: whether it should come back, and what it should change."""
    if CODES[refusal.code].retry:
        return CloseCode.TOO_MANY_SESSIONS if refusal.status == 429 else CloseCode.RESTARTING
    return CloseCode.BAD_FRAME if isinstance(refusal, EventRefused) else CloseCode.NOT_AUTHENTICATED


class _ForeignOrigin(Exception):
    """A cookie came from a page of another site."""


async def _sign_in(scope: dict[str, Any], headers: dict[str, str], offered: list[str]) -> Identity:
    """By token or ticket from a header, the subprotocols or the address; else by the session cookie."""
    if (bearer := bearer_of(headers)) is not None:
        return await blocking.run(identity.of_token, bearer)
    for protocol in offered:
        kind, _, secret = protocol.partition(".")
        if kind == "bearer" and secret:
            return await blocking.run(identity.of_token, Secret(secret))
        if kind == "ticket" and secret:
            return await blocking.run(identity.of_ticket, Secret(secret))
    if ticket := query_of(scope).get("ticket"):
        return await blocking.run(identity.of_ticket, Secret(ticket))
    if origin := headers.get("origin"):
        if not identity.is_own_origin(origin, headers.get("host", "")):
            raise _ForeignOrigin
        return await blocking.run(identity.of_cookies, headers.get("cookie", ""))
    raise NotAllowed("not_authenticated", "Send a token, a ticket, or a session cookie together with its Origin.")
