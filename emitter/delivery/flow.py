"""Flow control by acknowledgement, as pure arithmetic: how much may be on its way to one client."""

from __future__ import annotations

from collections import deque


class Credit:
    """Events and bytes that were written and not yet acknowledged, against their limits.

    The socket below never pushes back, so this is what keeps memory flat.
    """

    def __init__(self, events: int, size: int) -> None:
        self._max_events = events
        self._max_size = size
        self._sent: deque[tuple[int, int]] = deque()
        self._size = 0

    def room(self) -> tuple[int, int]:
        """Events and bytes that may be written now. Something always may when nothing is on its way."""
        if not self._sent:
            return self._max_events, self._max_size
        return max(0, self._max_events - len(self._sent)), max(0, self._max_size - self._size)

    @property
    def spent(self) -> bool:
        """Whether the client has to acknowledge before it gets more."""
        return 0 in self.room()

    def take(self, seq: int, size: int) -> None:
        """An event was written."""
        self._sent.append((seq, size))
        self._size += size

    def give_back(self, seq: int) -> None:
        """All events up to ``seq`` were acknowledged."""
        while self._sent and self._sent[0][0] <= seq:
            self._size -= self._sent.popleft()[1]

    def forget(self) -> None:
        """The client starts anew from a position of its own."""
        self._sent.clear()
        self._size = 0
