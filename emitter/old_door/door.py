"""``/ws``: who is let in, and how the others are told.

Nothing is missed between the knock and the first frame: a client's seat is found before it is let in.
"""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable
from channels.consumer import AsyncConsumer
from django.db import DatabaseError, InterfaceError

from emitter.conversation import bearer_of, headers_of, query_of
from emitter.errors import CODES, CloseCode, EmitterError, EmitterUnavailable, EventRefused
from emitter.old_door.company import seated
from emitter.old_door.guest import AUTHENTICATION_FAILED, Guest
from emitter.old_door.shapes import SHAPES
from emitter.old_door.sign_in import JWT_AUTH, knock
from emitter.policy import door, refusals

logger = logging.getLogger("emitter")


class OldDoor(AsyncConsumer):  # type: ignore[misc]
    """One client from its knock to its goodbye."""

    async def __call__(self, scope: dict[str, Any], receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await receive()
        wants_answer = JWT_AUTH in scope.get("subprotocols", [])
        accept: Any = {"type": "websocket.accept", "subprotocol": JWT_AUTH if wants_answer else None}
        async with AsyncExitStack() as stack:
            try:
                guest = await _let_in(scope, stack)
            except EmitterError as refusal:
                refusals.note_client(refusal)
                code, reason = _farewell(refusal)
                if wants_answer and not CODES[refusal.code].retry:
                    await send(accept)
                await send({"type": "websocket.close", "code": code, "reason": reason})
                return
            await send(accept)
            await guest.stay(receive, send)


async def _let_in(scope: dict[str, Any], stack: AsyncExitStack) -> Guest:
    """Whoever knocks, signed in and seated until the stack is closed."""
    door.admit((scope.get("client") or [None])[0])
    headers, query = headers_of(scope), query_of(scope)
    shape = query.get("shape", "flat")
    if shape not in SHAPES:
        raise EventRefused("bad_request", f"The parameter 'shape' is one of {', '.join(SHAPES)}.")
    knocked = knock(scope.get("subprotocols", []), bearer_of(headers), query)
    try:
        who = await knocked.identity(headers)
        invite = partial(Guest, who, knocked.kind, shape)
        return await stack.enter_async_context(seated(who.key, knocked.kind, invite))
    except (DatabaseError, InterfaceError) as failure:
        logger.warning("database_unavailable: nobody is let in at /ws (%s)", type(failure).__name__)
        raise EmitterUnavailable("database_unavailable", "Nobody is let in now; try again later.") from failure


def _farewell(refusal: EmitterError) -> tuple[int, str]:
    """The code and the reason that only those can read who were let in for it."""
    return (int(CloseCode.BAD_FRAME), refusal.code) if isinstance(refusal, EventRefused) else AUTHENTICATION_FAILED
