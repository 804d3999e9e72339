"""The modes as this process knows them: read from the database at most once a second, never for each call.

A change that any process makes is followed here within ``FRESH_SECONDS`` and the time of one small query, if calls
come; who calls after a pause waits for that query. While the database is away the last known modes hold.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from time import monotonic

from emitter import blocking
from emitter.migration import history
from emitter.migration.modes import ADAPTERS, Setting

logger = logging.getLogger("emitter")

#: Seconds for which a reading is used, and after which one that failed is tried again.
FRESH_SECONDS = 1.0
#: Seconds that a call waits for a reading.
WAIT_SECONDS = 0.5

_UNSET = {adapter: Setting(adapter) for adapter in ADAPTERS}


class Switch:
    """One a process."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Knows nothing; the next call reads."""
        self._settings: Mapping[str, Setting] = _UNSET
        self._due = self._as_of = 0.0
        self._reading: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None

    def expire(self) -> None:
        """Lets the next call read."""
        self._due = 0.0

    async def setting_of(self, adapter: str) -> Setting:
        """What holds for an adapter."""
        if monotonic() >= self._due:
            await self._follow()
        return self._settings[adapter]

    async def _follow(self) -> None:
        """Waits for a reading, of all who wait on one loop the same."""
        loop, reading = asyncio.get_running_loop(), self._reading  # Another loop's thread may put its own there.
        if reading is None or reading[0] is not loop or reading[1].done():
            reading = self._reading = loop, loop.create_task(self._read())
        _, waiting = await asyncio.wait([reading[1]], timeout=WAIT_SECONDS)
        if waiting:
            self._due = monotonic() + FRESH_SECONDS

    async def _read(self) -> None:
        began = monotonic()
        try:
            found = await blocking.run(history.settings)
        except Exception as error:  # Whatever it is, a call of an old face goes the way that it went before.
            logger.warning("database_unavailable: the last known modes hold (%s)", type(error).__name__)
        else:
            if began >= self._as_of:
                self._settings = {**_UNSET, **{name: one for name, one in found.items() if name in ADAPTERS}}
                self._as_of = began
        self._due = max(self._due, began + FRESH_SECONDS)


switch = Switch()
