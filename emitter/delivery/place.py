"""Where a session is in its stream and what it writes next: the cursor's arithmetic with its events. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from emitter.cursor import Growth, Verdict, advance
from emitter.log import Stored

#: A frame takes at most so many events and bytes; daphne sends frames of 1 MiB at most.
FRAME_EVENTS = 500
FRAME_BYTES = 262_144
#: Events from bells that wait to be written; beyond that the log is read instead.
READY_EVENTS = 2_000


class Place:
    """The last event written (``position``), how far the stream has grown (``head``), and the texts in between."""

    def __init__(self) -> None:
        self.epoch = ""
        self.position = 0
        self.head = 0
        self._ready: list[str] = []

    @property
    def reach(self) -> int:
        """The last event that is written or at hand."""
        return self.position + len(self._ready)

    @property
    def needs_reading(self) -> bool:
        """Whether the next event is in the log and not at hand."""
        return not self._ready and self.position < self.head

    def go_to(self, epoch: str, position: int, head: int) -> None:
        """Starts anew from a position."""
        self.epoch, self.position, self.head = epoch, position, head
        self._ready.clear()

    def hear(self, growth: Growth, *, keep: bool) -> bool:
        """Takes news of this epoch; with ``keep`` its events too, if they follow on. False when it is no news."""
        if growth.head <= self.head and not growth.bodies:
            return False
        self.head = max(self.head, growth.head)
        verdict, first = advance(self.reach, growth.first, growth.head)
        if verdict is Verdict.DELIVER and growth.bodies and keep and len(self._ready) < READY_EVENTS:
            self._ready.extend(growth.bodies[first - growth.first :])
        return True

    def read(self, page: Iterable[Stored]) -> bool:
        """Takes what was read from the log, as far as it follows on. False when nothing does."""
        for stored in page:
            if stored.seq == self.reach + 1:
                self._ready.append(stored.body)
        return bool(self._ready)

    def take(self, room: tuple[int, int]) -> tuple[int, Sequence[str]]:
        """The next events for one frame, and the number of the first: as many as fit, one at least if there is one."""
        most_events, most_bytes = min(FRAME_EVENTS, room[0]), min(FRAME_BYTES, room[1])
        taken: list[str] = []
        size = 0
        for body in self._ready[:most_events]:
            size += bytes_of(body)
            if taken and size > most_bytes:
                break
            taken.append(body)
        del self._ready[: len(taken)]
        first, self.position = self.position + 1, self.position + len(taken)
        return first, taken


def bytes_of(body: str) -> int:
    """How many bytes a text takes on the wire."""
    return len(body) if body.isascii() else len(body.encode())
