"""Every error the product speaks, by its stable code.

``CODES`` is the one table: what a code means, which HTTP status carries it and whether the same call may be tried
again. ``CloseCode`` is its twin for sockets, mirrored in ``static/emitter/codes.js``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Self
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """What a stable code stands for. ``retry`` says whether the same call may succeed later."""

    status: int
    retry: bool
    meaning: str


CODES: dict[str, ErrorCode] = {
    # what was sent cannot be stored
    "unknown_user": ErrorCode(422, False, "No user has this key or name."),
    "user_inactive": ErrorCode(422, False, "The user has been deactivated and gets no events."),
    "ambiguous_user": ErrorCode(422, False, "The value is one user's key and another user's name: give the key."),
    "unknown_type": ErrorCode(422, False, "The event type is neither known nor listed in CUSTOM_TYPES."),
    "bad_id": ErrorCode(422, False, "An id is empty, too long, padded, or has characters that are unsafe in ids."),
    "placeholder_id": ErrorCode(422, False, "The id of the run or thread is a placeholder (SUSPICIOUS_IDS)."),
    "system_id": ErrorCode(422, False, "The id of the run or thread is a name of the system (SUSPICIOUS_IDS)."),
    "bad_field": ErrorCode(422, False, "A known key of the payload, or a field of the item, has the wrong type."),
    "payload_not_object": ErrorCode(422, False, "The payload is not a JSON object."),
    "payload_not_json": ErrorCode(422, False, "The payload holds a value that JSON cannot carry."),
    "payload_not_finite": ErrorCode(422, False, "The payload holds NaN or an infinity."),
    "payload_bad_text": ErrorCode(422, False, "A text holds half of a surrogate pair, which is no character."),
    "payload_too_deep": ErrorCode(422, False, "The payload is nested deeper than PAYLOAD_DEPTH."),
    "payload_too_large": ErrorCode(413, False, "The encoded payload is larger than PAYLOAD_BYTES."),
    "bad_event_id": ErrorCode(422, False, "The event id is not a UUIDv7."),
    "event_id_conflict": ErrorCode(409, False, "This event id was stored with other content."),
    "event_id_window": ErrorCode(422, False, "The event id is older than the retention or too far in the future."),
    "unknown_run": ErrorCode(422, False, "Nothing says whose run this is: name its user."),
    "run_owned": ErrorCode(409, False, "The run belongs to another user."),
    "run_thread": ErrorCode(409, False, "The run belongs to another thread."),
    "run_ended": ErrorCode(409, False, "The run has ended: start a new one."),
    "not_started": ErrorCode(409, False, "Thinking or a tool came before agent_started (LIFECYCLE)."),
    "tool_unmatched": ErrorCode(409, False, "No such tool_executing is open in the run (LIFECYCLE)."),
    "batch_too_large": ErrorCode(413, False, "One call takes at most 1,000 events."),
    "broken_json": ErrorCode(400, False, "The text is not valid JSON."),
    "bad_request": ErrorCode(400, False, "The request cannot be read as what it should be."),
    # who is asking
    "not_authenticated": ErrorCode(401, False, "Sign in, or send a valid ticket or token."),
    "token_expired": ErrorCode(401, False, "The token has expired: get a new one."),
    "keys_unavailable": ErrorCode(503, True, "The keys that this token is checked with cannot be read now."),
    "signed_out": ErrorCode(401, False, "Signed out, deactivated, or the password has changed: sign in again."),
    "key_revoked": ErrorCode(401, False, "The service key was revoked or has expired."),
    "key_scope": ErrorCode(403, False, "The service key is not for this."),
    "rate_exceeded": ErrorCode(429, True, "Too often: wait, then try again."),
    "forbidden": ErrorCode(403, False, "The caller may not do this."),
    "not_found": ErrorCode(404, False, "There is nothing here, or it is not the caller's."),
    "method_not_allowed": ErrorCode(405, False, "The path does not take this method."),
    # frames on a socket
    "bad_frame": ErrorCode(400, False, "The frame is not a JSON object of the protocol."),
    "unknown_frame": ErrorCode(400, False, "The protocol has no frame of this type."),
    "bad_ack": ErrorCode(400, False, "The acknowledgement is above what was written."),
    "too_many_frames": ErrorCode(429, True, "Frames came faster than any client needs: come back, and say less."),
    "too_many_sessions": ErrorCode(429, True, "This user has SESSIONS_PER_USER open here already: close one."),
    # what stands in the way
    "emitter_overloaded": ErrorCode(503, True, "Not stored: the queue stayed full, or the turn did not come in time."),
    "database_unavailable": ErrorCode(503, True, "Not stored: the database could not be reached within the deadline."),
    "spool_full": ErrorCode(503, True, "Not stored: the database is away and SPOOL_EVENTS events wait already."),
    "spool_failed": ErrorCode(503, True, "Not stored: the database is away and the local spool cannot be written."),
    "database_error": ErrorCode(500, False, "Not stored: the database refused the event."),
    "deadlock": ErrorCode(503, True, "The database ended this transaction to resolve a deadlock: run it again."),
    "autocommit_off": ErrorCode(500, False, "The connection has autocommit off and no atomic block: use atomic()."),
    "transaction_not_shared": ErrorCode(500, False, "A transaction is open on another thread than the emit's."),
    # the old faces
    "bad_context": ErrorCode(422, False, "An old context breaks a rule: an id, a reserved key or its depth."),
    "no_bridge": ErrorCode(500, False, "An old agent emits before set_websocket_bridge has given it a run."),
    "adapter_failed": ErrorCode(500, False, "An old call could not be translated; the log names the exception."),
    "unknown_adapter": ErrorCode(422, False, "There is no old face of this name."),
    "bad_mode": ErrorCode(422, False, "An old face's mode, or its share of the users, is none that there is."),
    "no_legacy_sender": ErrorCode(409, False, "The mode needs the adapter's old sender: name it in LEGACY_SENDERS."),
    "mode_changed": ErrorCode(409, False, "Somebody else changed the adapter's mode at the same moment."),
    "legacy_sender_failed": ErrorCode(500, False, "The old sender raised; its caller gets the exception as ever."),
    "legacy_sender_loops": ErrorCode(500, False, "An old sender calls the face that called it, and so itself."),
    "shadow_failed": ErrorCode(500, False, "A call could not be compared; the old sender has sent it all the same."),
    "adapter_rolled_back": ErrorCode(500, False, "An adapter went past a limit and back to an earlier mode by itself."),
    "agent_unavailable": ErrorCode(503, False, "The agent named in EMITTER['AGENT'] cannot be loaded."),
}


class CloseCode(IntEnum):
    """Why a socket was closed. A client comes back by itself after those in ``RECONNECT`` only."""

    RESTARTING = 1012
    BAD_FRAME = 4400
    NOT_AUTHENTICATED = 4401
    FORBIDDEN = 4403
    TOO_SLOW = 4408
    TOO_MANY_SESSIONS = 4429


#: 1006 is what a browser reports when the connection broke without a close frame.
RECONNECT = frozenset({1006, CloseCode.RESTARTING, CloseCode.TOO_SLOW, CloseCode.TOO_MANY_SESSIONS})


class EmitterError(Exception):
    """Base of every named error.

    ``code`` is a key of ``CODES``; ``detail`` tells a person what was wrong and what to do; ``index`` is the place of
    the event in the batch that was refused, when there was a batch; ``event_id`` the id that a single event got.
    """

    def __init__(self, code: str, detail: str, *, index: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.index = index
        #: Whether it was counted and kept already, on its way through several hands.
        self.noted = False
        self.event_id: UUID | None = None

    def __str__(self) -> str:
        where = "" if self.index is None else f" (event {self.index})"
        return f"{self.code}: {self.detail}{where}"

    def about(self, event_id: UUID) -> Self:
        """The same error, naming the event. A copy, because many callers may be told of one failure."""
        named = type(self).__new__(type(self), *self.args)
        named.__dict__ |= self.__dict__ | {"event_id": event_id}
        return named

    @property
    def status(self) -> int:
        """The HTTP status that carries this error."""
        return CODES[self.code].status


class EventRefused(EmitterError):
    """The event, its context or its id cannot be stored as given. Nothing was stored."""


class EmitterOverloaded(EmitterError):
    """The emit did not get its turn before its deadline. Not stored; the same call may be tried again."""

    def __init__(self, detail: str) -> None:
        super().__init__("emitter_overloaded", detail)


class EmitterUnavailable(EmitterError):
    """The database could not take the event within the deadline. Not stored."""


class TransactionError(EmitterError):
    """The caller's transaction cannot carry the emit, or the database ended it. Nothing of it is stored."""


class NotAllowed(EmitterError):
    """The caller is not known, or may not do this."""


class FrameError(EmitterError):
    """A client's frame that the protocol does not have."""
