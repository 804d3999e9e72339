"""A session's conversation over a WebSocket: what its dresses have in common, whatever their clients speak."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable
from django.db import DatabaseError, InterfaceError

from emitter.delivery import Session, reception_here
from emitter.errors import CloseCode, EmitterError, EmitterUnavailable, EventRefused

#: Acts on what the client says.
Act = Callable[[str | bytes], Awaitable[None]]
#: The code and the reason with which a session's end is told.
Farewell = Callable[[CloseCode], tuple[int, str]]

#: What a closed socket without a code of its own stands for (RFC 6455, section 7.1.5).
NO_CODE = 1005


def headers_of(scope: dict[str, Any]) -> dict[str, str]:
    """The headers of a handshake, named in small letters."""
    return {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}


def query_of(scope: dict[str, Any]) -> dict[str, str]:
    """The parameters of the address. Raises ``bad_request`` when there are more than 20."""
    try:
        pairs = parse_qs(scope.get("query_string", b"").decode("latin1"), max_num_fields=20)
    except ValueError:
        raise EventRefused("bad_request", "The address has more than 20 parameters.") from None
    return {name: values[-1] for name, values in pairs.items()}


def bearer_of(headers: dict[str, str]) -> str | None:
    """The token of ``Authorization: Bearer``; ``None`` when there is no such header."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else None


def writer(send: ASGISendCallable) -> Callable[[str], Awaitable[None]]:
    """What puts a text on the wire."""

    async def write(text: str) -> None:
        await send({"type": "websocket.send", "text": text, "bytes": None})

    return write


def by_name(code: CloseCode) -> tuple[int, str]:
    """A close code as it is, with its name for a reason."""
    return int(code), code.name.lower()


async def converse(
    session: Session, receive: ASGIReceiveCallable, send: ASGISendCallable, act: Act, farewell: Farewell = by_name
) -> int | None:
    """Runs a session until it ends. Returns the code with which the client left, ``None`` when we closed."""
    async with reception_here().seat(session):
        reader = asyncio.create_task(_listen(receive, session, act))
        reader.add_done_callback(lambda _: session.gone())
        try:
            code = await session.run()
        finally:
            reader.cancel()
            await asyncio.wait([reader])
        if code is not None:
            number, reason = farewell(code)
            await send({"type": "websocket.close", "code": number, "reason": reason})
    return None if reader.cancelled() else reader.result()


async def _listen(receive: ASGIReceiveCallable, session: Session, act: Act) -> int:
    """Hands on what the client says, until it leaves; what cannot be done is told."""
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            session.gone()
            return message.get("code") or NO_CODE
        try:
            await act(message.get("text") or message.get("bytes") or "")  # type: ignore[arg-type]
        except EmitterError as refusal:
            session.tell(refusal)
        except (DatabaseError, InterfaceError) as error:
            session.tell(EmitterUnavailable("database_unavailable", f"It was not done; try again later: {error}."))
