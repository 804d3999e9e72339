"""What leaves a session: events and control frames in the client's own speech, one text after the other."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby

from emitter import metrics, wire
from emitter.conf import conf
from emitter.cursor import Gap, StreamState
from emitter.delivery.speech import Speech

logger = logging.getLogger("emitter")

#: Control frames that may wait to be written before a client counts as a flood.
CONTROL_FRAMES = 100


class Outbox:
    """``write`` puts one text on the wire; only the task that runs the session may await it.

    Everybody else leaves a control frame here (:meth:`leave`) for that task to :meth:`flush`.
    """

    def __init__(self, speech: Speech, write: Callable[[str], Awaitable[None]]) -> None:
        self._speech = speech
        self._write = write
        self._waiting: list[str] = []
        #: When something was written last, by ``time.monotonic``.
        self.wrote_at = time.monotonic()

    def leave(self, frame: str) -> bool:
        """Keeps a control frame to be written. False when too many wait already."""
        if len(self._waiting) >= CONTROL_FRAMES:
            return False
        self._waiting.append(frame)
        return True

    async def flush(self) -> None:
        """Writes the control frames that wait."""
        waiting, self._waiting = self._waiting, []
        for frame in waiting:
            await self.control(frame)

    async def put(self, *texts: str) -> None:
        """Writes texts as they are."""
        for text in texts:
            metrics.FRAMES.inc()
            self.wrote_at = time.monotonic()
            await self._write(text)

    async def control(self, frame: str) -> None:
        """Writes a control frame, where the client knows any."""
        await self.put(*self._speech.control(frame))

    async def hello(self, stream: StreamState, after: int) -> None:
        """Writes the first frame of a conversation."""
        hello = wire.hello(
            epoch=stream.epoch,
            head=stream.head,
            after=after,
            heartbeat=conf.heartbeat_seconds,
            credit_events=conf.credit_events,
            credit_bytes=conf.credit_bytes,
        )
        await self.control(hello)

    async def gap(self, gap: Gap, epoch: str) -> None:
        """Tells the client, and who keeps watch, of events that it will not get."""
        metrics.GAPS.labels(reason=gap.reason).inc()
        if gap.reason == "future":
            metrics.REFUSED.labels(code="position_future").inc()
            logger.error("position_future: a client was at #%d and the head is #%d", gap.after, gap.first - 1)
        await self.control(wire.gap(after=gap.after, first=gap.first, reason=gap.reason, epoch=epoch))

    async def filtered(self, wanted: wire.Filter, bodies: Sequence[str], first: int, epoch: str) -> None:
        """Writes the events that a client's filter lets through; what it leaves out is said as a position."""
        for passes, group in groupby(enumerate(bodies, first), lambda numbered: wire.passes(wanted, numbered[1])):
            numbered = list(group)
            if passes:
                await self.put(*self._speech.events([body for _, body in numbered], numbered[0][0], epoch))
            else:
                await self.control(wire.position(numbered[-1][0]))
