"""An older client that was let in: its handshake, its session, and what it says."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import uuid4

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable

from emitter import metrics
from emitter.conversation import NO_CODE, Work, as_it_is, converse, writer
from emitter.delivery import Session, Visitor
from emitter.delivery.devices import Position
from emitter.delivery.flow import Rate
from emitter.errors import CloseCode, FrameError
from emitter.old_door import messages
from emitter.old_door.asked import Asked
from emitter.old_door.handshake import COMPLETE, PATIENCE, PONG, greet
from emitter.old_door.seats import Lost, Seat
from emitter.old_door.sign_in import Kind
from emitter.old_door.speech import OldSpeech, error
from emitter.policy.identity import Identity

#: Messages a second of one client, and at once.
MESSAGES, MESSAGES_AT_ONCE = 20, 50
#: The one end after which a page renews its token and comes back.
AUTHENTICATION_FAILED = (1008, "Authentication failed")
#: How a client closes that has what it wanted (RFC 6455, section 7.4.1). A page may still come back, reloaded.
GOODBYES = frozenset({1000, 1001, NO_CODE})


class Guest:
    """One client's stay."""

    def __init__(self, who: Identity, kind: Kind, shape: str, seat: Seat) -> None:
        self._who = who
        self._kind = kind
        self.seat = seat
        self._speech = OldSpeech(shape, page=kind is Kind.PAGE)
        self._asked = Asked()
        self._acknowledged = kind is Kind.PAGE
        self._pace = Rate(MESSAGES, MESSAGES_AT_ONCE, 0)
        self._floods = False
        self._session: Session | None = None
        self._left_with: int | None = None

    @property
    def position(self) -> Position:
        """The last event that was written to it."""
        epoch, seq = self._session.reached if self._session else ("", 0)
        if not epoch:
            epoch, seq = self.seat.epoch, self.seat.after
        return Position(self._who.key, self.seat.device, epoch, seq)

    @property
    def said_goodbye(self) -> bool:
        """Whether the client has closed its session itself."""
        return self._left_with in GOODBYES

    async def stay(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Converses until one of the two goes."""
        self._left_with = await self._converse(receive, send)

    async def _converse(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> int | None:
        """Returns the code with which the client left, ``None`` when it was cut or we closed."""
        if not self._acknowledged:
            thread = f"thread_{uuid4().hex}"
            greeted = await greet(receive, send, thread, PATIENCE[self._kind])
            if greeted.has_left:
                return None
            self._asked, self._acknowledged = Asked(thread), greeted.acknowledged
            receive = _beginning_with(greeted.said, receive)
        self._session = session = Session(self._visitor(), writer(send))
        if self.seat.lost is not None:
            metrics.GAPS.labels(reason="away").inc()
            session.say(_told(self.seat.lost))
        return await converse(session, receive, send, partial(self._hear, session), _farewell)

    def _visitor(self) -> Visitor:
        seat = self.seat
        return Visitor(self._who, after=seat.after, epoch=seat.epoch, device=seat.device, speech=self._speech)

    def _hear(self, session: Session, said: str | bytes) -> Work | None:
        """Answers what can be answered at once; the rest is work. What is refused is told by whoever called."""
        if self._floods:
            return None
        if self._pace.spent:
            self._floods = True
            session.close(CloseCode.BAD_FRAME)
            raise FrameError("bad_frame", f"More than {MESSAGES} messages a second; say less.")
        self._pace.take(0, 1)
        match messages.read(said):
            case messages.Ping():
                session.say(PONG)
            case messages.Acknowledged() if not self._acknowledged:
                self._acknowledged = True
                session.say(COMPLETE)
            case messages.Start() as wanted:
                return partial(self._asked.start, session.identity, wanted)
            case messages.Stop() as wanted:
                return partial(self._asked.stop, session.identity, wanted)
        return None


def _beginning_with(said: list[Any], receive: ASGIReceiveCallable) -> ASGIReceiveCallable:
    """Gives what was heard before it was listened for, and then goes on."""

    async def next_message() -> Any:
        return said.pop(0) if said else await receive()

    return next_message


def _farewell(code: CloseCode, reason: str) -> tuple[int, str]:
    return AUTHENTICATION_FAILED if code is CloseCode.NOT_AUTHENTICATED else as_it_is(code, reason)


def _told(lost: Lost) -> str:
    still = "goes on" if lost.goes_on else "has ended"
    words = f"The connection was away too long: {lost.number} events are not shown here. The run {still}."
    return error(words, "events_lost", run_id=lost.run)
