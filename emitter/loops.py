"""Event loops: one of our own on a thread, and what there is one of on each."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class OwnLoop:
    """An event loop on a thread of ours, made when it is first needed and anew in a forked child."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        #: The loop, once it was needed.
        self.made: asyncio.AbstractEventLoop | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        """The loop."""
        with self._lock:
            if self.made is None:
                self.made = asyncio.new_event_loop()
                threading.Thread(target=self.made.run_forever, name=self._name, daemon=True).start()
            return self.made


class PerLoop(Generic[T]):
    """One thing for each event loop, made when it is first asked for there; those of closed loops are let go."""

    def __init__(self, make: Callable[[asyncio.AbstractEventLoop], T]) -> None:
        self._make = make
        self._made: dict[asyncio.AbstractEventLoop, T] = {}

    def here(self) -> T:
        """That of the running loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._made:
            for closed in [other for other in self._made if other.is_closed()]:
                del self._made[closed]
            self._made[loop] = self._make(loop)
        return self._made[loop]

    def open(self) -> Iterator[tuple[asyncio.AbstractEventLoop, T]]:
        """Those of all loops that are not closed. From any thread."""
        return ((loop, made) for loop, made in list(self._made.items()) if not loop.is_closed())
