"""Where a session is in its stream and what it writes next: the cursor's arithmetic with its events. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from emitter.cursor import Growth, Verdict, advance
from emitter.log import Stored

#: A frame takes at most so many events and bytes; daphne sends frames of 1 MiB at most.
FRAME_EVENTS = 500
FRAME_BYTES = 262_144
#: Characters of events from bells that wait to be written; beyond that the log is read instead.
READY_SIZE = 1_048_576
#: Events that are read from the log at a time: at first, at most, and by how much more than the time before.
FIRST_PAGE, LARGEST_PAGE, PAGE_GROWTH = 64, 256, 4
#: Characters that a page should have, going by the page before: a session holds one while its client does not read.
PAGE_SIZE = 1_048_576


class Place:
    """The last event written (``position``), how far the stream has grown (``head``), and the texts in between.

    ``page`` is how many events to read from the log when it has to be.
    """

    def __init__(self) -> None:
        self.epoch = ""
        self.position = 0
        self.head = 0
        self.page = FIRST_PAGE
        self._ready: list[str] = []
        self._size = 0

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
        self._size = 0

    def hear(self, growth: Growth, *, keep: bool) -> bool:
        """Takes news of this epoch; with ``keep`` its events too, if they follow on. False when it is no news."""
        if growth.head <= self.head and not growth.bodies:
            return False
        self.head = max(self.head, growth.head)
        verdict, first = advance(self.reach, growth.first, growth.head)
        if verdict is Verdict.DELIVER and growth.bodies and keep and self._size < READY_SIZE:
            self._hold(growth.bodies[first - growth.first :])
        return True

    def read(self, page: Iterable[Stored]) -> bool:
        """Takes what was read from the log, as far as it follows on. False when nothing does."""
        for stored in page:
            if stored.seq == self.reach + 1:
                self._hold([stored.body])
        if self._ready:
            fitting = PAGE_SIZE * len(self._ready) // self._size
            self.page = max(1, min(fitting, PAGE_GROWTH * self.page, LARGEST_PAGE))
        return bool(self._ready)

    def _hold(self, bodies: Sequence[str]) -> None:
        self._ready.extend(bodies)
        self._size += sum(map(len, bodies))

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
        self._size -= sum(map(len, taken))
        first, self.position = self.position + 1, self.position + len(taken)
        return first, taken


def bytes_of(body: str) -> int:
    """How many bytes a text takes on the wire."""
    return len(body) if body.isascii() else len(body.encode())
