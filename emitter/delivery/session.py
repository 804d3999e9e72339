"""One client's conversation, without a transport: hello, replay, live, repair, acknowledge, goodbye.

A shell (a WebSocket consumer, say) gives it a way to write, hands it what the client says, and runs
:meth:`Session.run`. The bell only wakes it. What it writes is decided by numbers alone: the next event is always
``position + 1``, taken from the bell's copy when that is contiguous and from the log when it is not.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from django.db import Error

from emitter import blocking, log, metrics, wire
from emitter.conf import conf
from emitter.cursor import Claim, Gap, Growth
from emitter.delivery.devices import Bookmark
from emitter.delivery.inbox import Inbox
from emitter.delivery.outbox import Outbox
from emitter.delivery.place import Place, bytes_of
from emitter.delivery.visitor import Visitor, begin
from emitter.errors import CODES, CloseCode, EmitterError, FrameError, NotAllowed
from emitter.policy import refusals
from emitter.policy.identity import Identity

logger = logging.getLogger("emitter")

#: Seconds before a token's end at which the client is warned.
WARN_SECONDS = 30


class Session:
    """Delivers one user's stream to one client, applied once and in order.

    ``write`` puts one text frame on the wire. :meth:`heard`, :meth:`received`, :meth:`tick` and :meth:`close` never
    wait; they leave notes that :meth:`run` acts on.
    """

    def __init__(self, visitor: Visitor, write: Callable[[str], Awaitable[None]]) -> None:
        self.identity = visitor.identity
        self.key = visitor.identity.key
        self._visitor = visitor
        self._wake = asyncio.Event()
        self._claim: Claim | None = visitor.claim
        self._meanwhile: Growth | None = None
        self._looked_from: int | None = None
        self._greeted = False
        self._place = Place()
        self._filter: wire.Filter | None = None
        self._speech = visitor.speech
        self._out = Outbox(visitor.speech, write)
        self._flow = visitor.flow()
        self._inbox = Inbox(understood=visitor.speech.acknowledges)
        #: What the client has acknowledged, to be remembered for its device.
        self.bookmark = Bookmark(self.key, visitor.device)
        self._warned = False
        self._closing: CloseCode | None = None
        #: Why it was closed, as the client is told beside the code.
        self.reason = ""
        self._gone = False

    # What comes in ----------------------------------------------------------------------------------------------------

    def heard(self, growth: Growth) -> None:
        """News of the stream, from a bell or a look at the log."""
        if self._claim is not None:
            self._meanwhile = growth
            return
        if growth.epoch == self._place.epoch:
            if self._place.hear(growth, keep=not self._flow.spent):
                self._wake.set()
        elif growth.epoch > self._place.epoch:
            self._claim_place()

    def received(self, text: str | bytes) -> wire.ClientFrame | None:
        """What the client says. Returns the frame if the shell has to act on it: ``cancel`` and ``auth``."""
        if self._closing is not None:
            return None
        try:
            frame = self._inbox.read(text)
        except FrameError as refusal:
            self._refuse(refusal)
            return None
        match frame:
            case wire.Ack(seq):
                self._acknowledge(seq)
            case wire.Resume(epoch, after):
                self._claim = Claim(after=after, epoch=epoch)
                self._wake.set()
            case wire.Filter():
                self._filter = frame
            case wire.Cancel() | wire.Auth():
                return frame
        return None

    def _acknowledge(self, seq: int) -> None:
        if seq > self._place.position:
            self.tell(FrameError("bad_ack", f"#{seq} was not written yet; the last one was #{self._place.position}."))
            return
        self._flow.give_back(seq)
        self.bookmark.acknowledged = max(self.bookmark.acknowledged, seq)
        self._wake.set()

    def _refuse(self, refusal: FrameError) -> None:
        """Who floods is closed without a word; who says what cannot be read is told first."""
        if refusal.code == "too_many_frames":
            self.close(CloseCode.TOO_MANY_SESSIONS, refusal.code)
            return
        self.tell(refusal)
        if refusal.code == "bad_frame":
            self.close(CloseCode.BAD_FRAME)

    def renewed(self, renewed: Identity) -> None:
        """The client brought a newer token."""
        if renewed.key != self.key:
            self.tell(NotAllowed("forbidden", "The token is another user's; open a socket of its own."))
            return
        self.identity, self._warned = renewed, False

    def stands(self, asked: Identity, found: Identity | None) -> None:
        """How the identity that was ``asked`` about stands now; ``None`` when it has ended."""
        if asked is not self.identity:
            return  # The client has brought a newer one meanwhile.
        if found is None:
            self.close(CloseCode.NOT_AUTHENTICATED, "signed_out")
        else:
            self.identity = found

    def tick(self, now: float) -> None:
        """Called about once a second (``now`` is monotonic): heartbeat, expiry, patience."""
        if self._flow.overdue():
            self.close(CloseCode.TOO_SLOW)
        if now - self._out.wrote_at >= conf.heartbeat_seconds:
            self.say(wire.ping())
        if self.identity.expires_at is not None:
            left = self.identity.expires_at - time.time()
            if left <= 0:
                self.close(CloseCode.NOT_AUTHENTICATED)
            elif left <= WARN_SECONDS and not self._warned:
                self._warned = True
                self.say(wire.expiring(int(left)))

    def close(self, code: CloseCode, refusal: str = "") -> None:
        """Ends the session with a code for the client; ``refusal`` is the stable code of why, and is noted."""
        if self._closing is None:
            self._closing, self.reason = code, refusal or code.name.lower()
            if refusal:
                refusals.note_client(EmitterError(refusal, CODES[refusal].meaning), self.key)
        self._wake.set()

    def gone(self) -> None:
        """The client has left."""
        self._gone = True
        self._wake.set()

    def tell(self, error: EmitterError) -> None:
        """Answers the client with an error frame, and notes the refusal."""
        refusals.note_client(error, self.key)
        self.say(wire.error(error.code, error.detail))

    def say(self, frame: str) -> None:
        """Says a control frame, the shell's own among them, in its turn."""
        if not self._out.leave(frame):
            self.close(CloseCode.BAD_FRAME)
            return
        self._wake.set()

    @property
    def reached(self) -> tuple[str, int]:
        """Epoch and number of the last event written. The epoch is empty before the session has begun."""
        return self._place.epoch, self._place.position

    # What goes out ----------------------------------------------------------------------------------------------------

    async def run(self) -> CloseCode | None:
        """Writes until the session ends. Returns the code to close with, ``None`` when the client has left.

        While the log cannot be read it waits, and goes on where it was.
        """
        while not self._gone:
            if self._closing is not None:
                await self._out.flush()
                return self._closing
            try:
                if self._claim is not None:
                    await self._begin(self._claim)
                await self._out.flush()
                if not await self._write_events():
                    await self._sleep(self._flow.pause() if self._flow.spent else None)
            except Error as error:
                logger.warning("database_unavailable: a session waits for the log (%s)", type(error).__name__)
                await self._sleep(conf.repair_seconds)
        return None

    async def _sleep(self, seconds: float | None) -> None:
        """Until there is news, or for a time."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _begin(self, claim: Claim) -> None:
        """Takes the place that the table of positions gives to what the client said."""
        stream, completed = await blocking.run(self._visitor.look_up, claim)
        if self._claim is not claim:
            return  # The client has changed its mind meanwhile.
        beginning = begin(completed, stream, self._place.epoch, self._speech)
        after = beginning.after
        self._claim = None
        self._place.go_to(stream.epoch, after, stream.head)
        self.bookmark.open_at(stream.epoch, after, is_news=not beginning.lost)
        self._flow.forget()
        if not self._greeted:
            self._greeted = True
            await self._out.hello(stream, after)
        if beginning.gap is not None:
            await self._out.gap(beginning.gap, stream.epoch)
        if self._meanwhile is not None:
            meanwhile, self._meanwhile = self._meanwhile, None
            self.heard(meanwhile)

    async def _write_events(self) -> bool:
        """Writes one frame of what is next. False when there is nothing, or no credit, for now."""
        if self._claim is not None or self._flow.spent:
            return False
        if self._place.needs_reading:
            await self._repair()
        first, events = self._place.take(self._flow.room())
        if events:
            await self._deliver(first, events)
        return bool(events) or self._claim is not None

    async def _repair(self) -> None:
        """Reads from the log what no bell has brought. What cannot be there any more is a gap, after a new look."""
        metrics.REPAIRS.inc()
        page = await log.aread_after(self.key, self._place.position, self._place.page)
        if self._place.read(page):
            self._looked_from = None
        elif self._looked_from != self._place.position:
            self._looked_from = self._place.position
            self._claim_place()
        else:
            await self._skip_hole(page[0].seq - 1 if page else self._place.head)

    async def _skip_hole(self, to: int) -> None:
        """Rows are missing that nobody pruned; ``verify_log`` names them. The client is told and goes on."""
        after = self._place.position
        logger.error("log_hole: the stream lacks #%d to #%d; see verify_log", after + 1, to)
        self._place.go_to(self._place.epoch, to, self._place.head)
        await self._out.gap(Gap(after, to + 1, "pruned"), self._place.epoch)

    def _claim_place(self) -> None:
        """Asks the table of positions where to go on from here."""
        self._claim = Claim(after=self._place.position, epoch=self._place.epoch)
        self._wake.set()

    async def _deliver(self, first: int, events: Sequence[str]) -> None:
        """Writes events from number ``first`` on; what the client filters out is said as a position."""
        self._inbox.allowance.earn(len(events))
        for seq, body in enumerate(events, first):
            self._flow.take(seq, bytes_of(body))
        if self._filter is None:
            await self._out.put(*self._speech.events(events, first, self._place.epoch))
        else:
            await self._out.filtered(self._filter, events, first, self._place.epoch)
        if self._speech.written_is_applied:
            self.bookmark.acknowledged = self._place.position
