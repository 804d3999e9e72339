"""What a client may say: so often, no larger than this, and in the protocol's own frames."""

from __future__ import annotations

from emitter import wire
from emitter.conf import conf
from emitter.delivery.flow import Allowance
from emitter.errors import FrameError

#: Frames that a client may say a second and at once, whatever it was sent, and the largest one, in bytes.
SAID_A_SECOND, SAID_AT_ONCE, SAID_BYTES = 50, 500, 65_536


class Inbox:
    """Reads the frames of one client. One that only listens (``understood`` false) is counted and not read."""

    def __init__(self, *, understood: bool) -> None:
        self._understood = understood
        #: What the client may say yet; each event that it is sent earns it one frame more.
        self.allowance = Allowance(SAID_A_SECOND, SAID_AT_ONCE, SAID_AT_ONCE + conf.credit_events)

    def read(self, text: str | bytes) -> wire.ClientFrame | None:
        """The frame. Raises ``too_many_frames``, ``bad_frame`` or ``unknown_frame``."""
        if not self.allowance.take():
            raise FrameError("too_many_frames", "Frames came faster than any client needs.")
        if len(text) > SAID_BYTES:
            raise FrameError("bad_frame", f"A frame takes {SAID_BYTES:,} bytes at most.")
        return wire.decode_frame(text) if self._understood else None
