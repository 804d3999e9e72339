"""The open sessions of one server process.

It seats sessions at the hub, looks at the log once every ``REPAIR_SECONDS`` for all streams with open sessions (so that
a lost bell, or an emit of a process that shares no layer with this one, costs time only), and remembers what devices
acknowledged.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from django.db import DatabaseError, InterfaceError

from emitter import blocking, log, metrics
from emitter.bell import Hub, hub_here
from emitter.conf import conf
from emitter.cursor import Growth
from emitter.delivery.devices import aremember
from emitter.delivery.session import Session
from emitter.errors import CloseCode
from emitter.loops import PerLoop
from emitter.policy import standing, tiers

logger = logging.getLogger("emitter")


class Reception:
    """Knows every open session of its event loop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._sessions: defaultdict[str, set[Session]] = defaultdict(set)
        self._rounds: list[asyncio.Task[None]] = []
        self._closed = False
        self._empty = asyncio.Event()
        self._empty.set()

    @asynccontextmanager
    async def seat(self, session: Session) -> AsyncIterator[None]:
        """Keeps a session among the open ones. One too many of its user is closed with 4429."""
        if self._no_seat(session, (await tiers.atier_of(session.key)).sessions):
            yield
            return
        self._sessions[session.key].add(session)
        self._empty.clear()
        metrics.SESSIONS.inc()
        if not self._rounds:
            self._rounds = [asyncio.create_task(rounds) for rounds in (self._make_rounds(), self._keep_reviewing())]
        try:
            await self._hub.join(session.key, session)
            yield
        finally:
            await asyncio.shield(self._part(session))

    def _no_seat(self, session: Session, most: int) -> bool:
        if self._closed:
            session.close(CloseCode.RESTARTING)
        elif len(self._sessions.get(session.key, ())) >= most:
            session.close(CloseCode.TOO_MANY_SESSIONS, "too_many_sessions")
        else:
            return False
        return True

    async def close(self) -> None:
        """Closes every session, and whoever comes now, with 1012. Returns when all have left."""
        self._closed = True
        for session in [session for of_user in self._sessions.values() for session in of_user]:
            session.close(CloseCode.RESTARTING)
        await self._empty.wait()

    async def look(self) -> None:
        """Tells every session how far its stream has grown, in one statement."""
        for key, (epoch, head) in (await log.aheads(list(self._sessions))).items():
            self._hub.hear(Growth(key, epoch, head, head))

    async def review(self) -> None:
        """Ends the sessions of whoever has signed out, is no longer active or has another password."""
        seated = [(session, session.identity) for of_user in self._sessions.values() for session in of_user]
        found = await blocking.run(standing.review, [identity for _, identity in seated])
        for (session, asked), stands in zip(seated, found, strict=True):
            session.stands(asked, stands)

    async def _part(self, session: Session) -> None:
        metrics.SESSIONS.dec()
        self._sessions[session.key].discard(session)
        if not self._sessions[session.key]:
            del self._sessions[session.key]
        await self._hub.leave(session.key, session)
        if not self._sessions:
            for rounds in self._rounds:
                rounds.cancel()
            self._rounds = []
            self._empty.set()
        try:
            await self._remember([session])
        except (DatabaseError, InterfaceError) as error:
            logger.warning("ack_lost: what a device acknowledged last could not be stored: %s", error)

    async def _make_rounds(self) -> None:
        remembered_at = time.monotonic()
        while True:
            await asyncio.sleep(conf.repair_seconds)
            now = time.monotonic()
            try:
                sessions = [session for of_user in self._sessions.values() for session in of_user]
                for session in sessions:
                    session.tick(now)
                await self.look()
                await self._hub.renew()
                if now - remembered_at >= conf.ack_seconds:
                    remembered_at = now
                    await self._remember(sessions)
            except Exception as error:
                logger.warning("look_failed: sessions get no news from the log for now (%s)", error)

    async def _keep_reviewing(self) -> None:
        while True:
            await asyncio.sleep(conf.review_seconds)
            try:
                await self.review()
            except Exception as error:
                logger.warning("review_failed: sessions stay open for now, whoever signs out (%s)", error)

    async def _remember(self, sessions: Iterable[Session]) -> None:
        news = [(session, position) for session in sessions if (position := session.bookmark.news())]
        if news:
            await aremember([position for _, position in news])
            for session, position in news:
                session.bookmark.stored(position)


_receptions = PerLoop(lambda loop: Reception(hub_here()))


def reception_here() -> Reception:
    """The reception of the running event loop."""
    return _receptions.here()
