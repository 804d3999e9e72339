"""A user's older clients of one kind in this process. They come and leave one at a time.

So a client that comes back before its old connection is known to be cut goes on to the event, and the old one, when it
is found to be dead, leaves no place behind that is taken already.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from django.db import DatabaseError, InterfaceError

from emitter import blocking
from emitter.old_door import seats
from emitter.old_door.guest import Guest
from emitter.old_door.seats import Seat
from emitter.old_door.sign_in import Kind

logger = logging.getLogger("emitter")

#: Seconds until a server knows that a silent connection is cut: daphne pings after 20 and waits for 30.
SILENCE = 60.0


class Company:
    """Who is here, and how many are here or about to be."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.came_at: dict[Guest, float] = {}
        self.size = 0

    def heir_of(self, guest: Guest) -> Guest | None:
        """Who came where the guest is now, while its connection may have been cut already."""
        since = max(self.came_at[guest], time.monotonic() - SILENCE)
        place = guest.position.epoch, guest.position.seq
        heirs = (g for g, came_at in self.came_at.items() if came_at > since and (g.seat.epoch, g.seat.after) == place)
        return next(heirs, None)


_companies: dict[tuple[str, Kind], Company] = {}


@asynccontextmanager
async def seated(key: str, kind: Kind, invite: Callable[[Seat], Guest]) -> AsyncIterator[Guest]:
    """A guest among the others, from the seat that it takes to the place that it leaves."""
    company = _companies.setdefault((key, kind), Company())
    company.size += 1
    try:
        async with company.turn:
            guest = invite(await blocking.run(seats.take, key, kind, [other.position for other in company.came_at]))
            company.came_at[guest] = time.monotonic()
        try:
            yield guest
        finally:
            try:
                async with company.turn:
                    await _leave(guest, kind, company)
            finally:
                del company.came_at[guest]
    finally:
        company.size -= 1
        if not company.size:
            del _companies[key, kind]


async def _leave(guest: Guest, kind: Kind, company: Company) -> None:
    """Keeps the place of whoever may come back: of a page always, of others unless they said goodbye."""
    try:
        if kind is not Kind.PAGE:
            if guest.said_goodbye:
                await blocking.run(seats.leave_for_good, guest.position)
        elif company.heir_of(guest) is None:
            await blocking.run(seats.leave_behind, guest.position)
    except (DatabaseError, InterfaceError) as failure:
        logger.warning("place_lost: where an older client was could not be stored: %s", failure)
