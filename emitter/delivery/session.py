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
from dataclasses import dataclass
from itertools import groupby

from django.db import Error

from emitter import blocking, cursor, log, metrics, wire
from emitter.conf import conf
from emitter.cursor import Claim, Gap, Growth, StreamState
from emitter.delivery.devices import Position, position_of
from emitter.delivery.flow import Allowance, Credit, Flow, Rate
from emitter.delivery.place import Place, bytes_of
from emitter.delivery.speech import FRAMES, Speech
from emitter.errors import CloseCode, EmitterError, FrameError, NotAllowed
from emitter.policy.identity import Identity

logger = logging.getLogger("emitter")

#: Control frames that may wait to be written before a client counts as a flood.
CONTROL_FRAMES = 100
#: Frames that a client may say a second and at once, whatever it was sent, and the largest one, in bytes.
SAID_A_SECOND, SAID_AT_ONCE, SAID_BYTES = 50, 500, 65_536
#: Seconds before a token's end at which the client is warned.
WARN_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who opens a session, what the address says, and how the client wants to be spoken to."""

    identity: Identity
    after: int | None = None
    epoch: str | None = None
    device: str | None = None
    speech: Speech = FRAMES


class Session:
    """Delivers one user's stream to one client, applied once and in order.

    ``write`` puts one text frame on the wire. :meth:`heard`, :meth:`received`, :meth:`tick` and :meth:`close` never
    wait; they leave notes that :meth:`run` acts on.
    """

    def __init__(self, visitor: Visitor, write: Callable[[str], Awaitable[None]]) -> None:
        self.identity = visitor.identity
        self.key = visitor.identity.key
        self._visitor = visitor
        self._write_frame = write
        self._wake = asyncio.Event()
        self._claim: Claim | None = Claim(after=visitor.after, epoch=visitor.epoch, device=visitor.device is not None)
        self._meanwhile: Growth | None = None
        self._looked_from: int | None = None
        self._greeted = False
        self._place = Place()
        self._control: list[str] = []
        self._filter: wire.Filter | None = None
        self._speech = visitor.speech
        self._flow: Flow = (
            Credit(conf.credit_events, conf.credit_bytes, conf.credit_seconds)
            if visitor.speech.acknowledges
            else Rate(conf.rate_bytes, conf.rate_burst, conf.rate_bound)
        )
        self._allowance = Allowance(SAID_A_SECOND, SAID_AT_ONCE, SAID_AT_ONCE + conf.credit_events)
        self._acknowledged = 0
        self._remembered = 0
        self._wrote_at = time.monotonic()
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
        if self._closing is not None or not self._may_say(text) or not self._speech.acknowledges:
            return None
        try:
            frame = wire.decode_frame(text)
        except FrameError as refusal:
            self._refuse(refusal)
            if refusal.code == "bad_frame":
                self.close(CloseCode.BAD_FRAME)
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

    def _may_say(self, text: str | bytes) -> bool:
        if not self._allowance.take():
            self.close(CloseCode.TOO_MANY_SESSIONS, "too_many_frames")
        elif len(text) > SAID_BYTES:
            self._refuse(FrameError("bad_frame", f"A frame takes {SAID_BYTES:,} bytes at most."))
            self.close(CloseCode.BAD_FRAME)
        return self._closing is None

    def renewed(self, renewed: Identity) -> None:
        """The client brought a newer token."""
        if renewed.key != self.key:
            self._refuse(NotAllowed("forbidden", "The token is another user's; open a socket of its own."))
            return
        self.identity, self._warned = renewed, False

    def tell(self, error: EmitterError) -> None:
        """Answers the client with an error frame."""
        self._refuse(error)

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
        if now - self._wrote_at >= conf.heartbeat_seconds:
            self._say(wire.ping())
        if self.identity.expires_at is not None:
            left = self.identity.expires_at - time.time()
            if left <= 0:
                self.close(CloseCode.NOT_AUTHENTICATED)
            elif left <= WARN_SECONDS and not self._warned:
                self._warned = True
                self._say(wire.expiring(int(left)))

    def close(self, code: CloseCode, refusal: str = "") -> None:
        """Ends the session with a code for the client; ``refusal`` is the stable code of why, and is counted."""
        if self._closing is None:
            self._closing, self.reason = code, refusal or code.name.lower()
            if refusal:
                metrics.REFUSED.labels(code=refusal).inc()
        self._wake.set()

    def gone(self) -> None:
        """The client has left."""
        self._gone = True
        self._wake.set()

    def say(self, frame: str) -> None:
        """Says a frame of the shell's own, in its turn among the control frames."""
        self._say(frame)

    @property
    def reached(self) -> tuple[str, int]:
        """Epoch and number of the last event written. The epoch is empty before the session has begun."""
        return self._place.epoch, self._place.position

    def news_of_device(self) -> Position | None:
        """What has to be remembered for the client's device and is not yet."""
        if self._visitor.device is None or self._acknowledged <= self._remembered:
            return None
        return Position(self.key, self._visitor.device, self._place.epoch, self._acknowledged)

    def remembered(self, position: Position) -> None:
        """This position of the client's device is stored."""
        if position.epoch == self._place.epoch:
            self._remembered = max(self._remembered, position.seq)

    # What goes out ----------------------------------------------------------------------------------------------------

    async def run(self) -> CloseCode | None:
        """Writes until the session ends. Returns the code to close with, ``None`` when the client has left.

        While the log cannot be read it waits, and goes on where it was.
        """
        while not self._gone:
            if self._closing is not None:
                await self._write_control()
                return self._closing
            try:
                if self._claim is not None:
                    await self._begin(self._claim)
                await self._write_control()
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
        stream, completed = await blocking.run(_look_up, self.key, self._visitor.device, claim)
        if self._claim is not claim:
            return  # The client has changed its mind meanwhile.
        start = cursor.start(completed, stream)
        gap = start.gap
        if gap is None and self._place.epoch not in ("", stream.epoch):
            gap = Gap(start.after, start.after + 1, "epoch")
        after = start.after
        if gap is not None and not self._speech.replays_after_gap:
            after, gap = stream.head, Gap(gap.after, stream.head + 1, gap.reason)
        self._claim = None
        self._place.go_to(stream.epoch, after, stream.head)
        self._acknowledged = after
        self._remembered = -1 if start.gap is None else after
        self._flow.forget()
        if not self._greeted:
            self._greeted = True
            await self._put(*self._speech.control(self._hello(stream, after)))
        if gap is not None:
            await self._tell_gap(gap)
        if self._meanwhile is not None:
            meanwhile, self._meanwhile = self._meanwhile, None
            self.heard(meanwhile)

    def _hello(self, stream: StreamState, after: int) -> str:
        return wire.hello(
            epoch=stream.epoch,
            head=stream.head,
            after=after,
            heartbeat=conf.heartbeat_seconds,
            credit_events=conf.credit_events,
            credit_bytes=conf.credit_bytes,
        )

    async def _tell_gap(self, gap: Gap) -> None:
        metrics.GAPS.labels(reason=gap.reason).inc()
        if gap.reason == "future":
            metrics.REFUSED.labels(code="position_future").inc()
            logger.error("position_future: a client was at #%d and the head is #%d", gap.after, gap.first - 1)
        frame = wire.gap(after=gap.after, first=gap.first, reason=gap.reason, epoch=self._place.epoch)
        await self._put(*self._speech.control(frame))

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
        await self._tell_gap(Gap(after, to + 1, "pruned"))

    def _claim_place(self) -> None:
        """Asks the table of positions where to go on from here."""
        self._claim = Claim(after=self._place.position, epoch=self._place.epoch)
        self._wake.set()

    async def _deliver(self, first: int, events: Sequence[str]) -> None:
        """Writes events from number ``first`` on; what the client filters out is said as a position."""
        self._allowance.earn(len(events))
        for seq, body in enumerate(events, first):
            self._flow.take(seq, bytes_of(body))
        if self._filter is None:
            await self._put(*self._speech.events(events, first, self._place.epoch))
        else:
            await self._deliver_filtered(self._filter, first, events)
        if self._speech.written_is_applied:
            self._acknowledged = self._place.position

    async def _deliver_filtered(self, wanted: wire.Filter, first: int, events: Sequence[str]) -> None:
        for passes, group in groupby(enumerate(events, first), lambda numbered: wire.passes(wanted, numbered[1])):
            numbered = list(group)
            if passes:
                bodies = [body for _, body in numbered]
                await self._put(*self._speech.events(bodies, numbered[0][0], self._place.epoch))
            else:
                await self._put(*self._speech.control(wire.position(numbered[-1][0])))

    async def _write_control(self) -> None:
        control, self._control = self._control, []
        for frame in control:
            await self._put(*self._speech.control(frame))

    async def _put(self, *texts: str) -> None:
        for text in texts:
            metrics.FRAMES.inc()
            self._wrote_at = time.monotonic()
            await self._write_frame(text)

    # Notes ------------------------------------------------------------------------------------------------------------

    def _acknowledge(self, seq: int) -> None:
        if seq > self._place.position:
            self._refuse(
                FrameError("bad_ack", f"#{seq} was not written yet; the last one was #{self._place.position}.")
            )
            return
        self._flow.give_back(seq)
        self._acknowledged = max(self._acknowledged, seq)
        self._wake.set()

    def _refuse(self, error: EmitterError) -> None:
        metrics.REFUSED.labels(code=error.code).inc()
        self._say(wire.error(error.code, error.detail))

    def _say(self, text: str) -> None:
        if len(self._control) >= CONTROL_FRAMES:
            self.close(CloseCode.BAD_FRAME)
            return
        self._control.append(text)
        self._wake.set()


def _look_up(key: str, device: str | None, claim: Claim) -> tuple[StreamState, Claim]:
    """The stream, and the claim completed by the device's stored position: one piece of blocking work."""
    stream = log.open_stream(key)
    stored = position_of(key, device) if device is not None and claim.after is None else None
    if stored is None:
        return stream, claim
    return stream, Claim(device=True, device_epoch=stored.epoch, device_position=stored.seq)
