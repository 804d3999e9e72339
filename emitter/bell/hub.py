"""A server process's one ear.

One channel hears for all sessions of the process: a user's group is joined when the first session of that user comes
and left with the last.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection
from typing import Any, Protocol

from channels.layers import get_channel_layer

from emitter import metrics
from emitter.bell.group import from_message, user_group
from emitter.conf import conf
from emitter.cursor import Growth
from emitter.loops import PerLoop

logger = logging.getLogger("emitter")

#: Seconds before an ear that failed listens again.
RETRY_SECONDS = 1.0
#: Seconds after which a group is joined again: a layer may forget its members (Channels' own does after a day, and when
#: its Redis was emptied).
RENEW_SECONDS = 60.0


class Listener(Protocol):
    """Whoever wants to hear of one user's stream."""

    def heard(self, growth: Growth) -> None:
        """Takes the news; must neither wait nor raise."""


class Hub:
    """Hands each bell to the listeners of its stream. Lives on one event loop, from its first listener to its last."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._listeners: defaultdict[str, set[Listener]] = defaultdict(set)
        #: When each group was joined last, in the loop's time.
        self._joined: dict[str, float] = {}
        self._channel: str | None = None
        self._ear: asyncio.Task[None] | None = None
        #: Set once the ear has tried to open; whoever joins waits for that, so that it misses no bell.
        self._tried = asyncio.Event()

    @property
    def keys(self) -> Collection[str]:
        """The user keys that somebody listens to."""
        return self._listeners.keys()

    async def join(self, key: str, listener: Listener) -> None:
        """Tells ``listener`` of this stream from now on."""
        self._listeners[key].add(listener)
        if self._ear is None:
            self._tried.clear()
            self._ear = self.loop.create_task(self._listen())
        await self._tried.wait()
        await self._join_group(key)

    async def leave(self, key: str, listener: Listener) -> None:
        """Tells ``listener`` no more. The last one to leave ends the ear."""
        self._listeners[key].discard(listener)
        if self._listeners[key]:
            return
        del self._listeners[key]
        await self._leave_group(key)
        if not self._listeners and self._ear is not None:
            ear, self._ear, self._channel = self._ear, None, None
            self._tried.set()
            self._joined.clear()
            ear.cancel()
            await asyncio.gather(ear, return_exceptions=True)

    def hear(self, growth: Growth) -> None:
        """Hands news to the listeners of its stream, wherever it comes from."""
        for listener in tuple(self._listeners.get(growth.stream, ())):
            listener.heard(growth)

    async def renew(self) -> None:
        """Joins the groups that could not be joined before, and those that were joined long ago."""
        for key in list(self._listeners):
            await self._join_group(key)

    async def _join_group(self, key: str) -> None:
        now = self.loop.time()
        if self._channel is None or now < self._joined.get(key, -RENEW_SECONDS) + RENEW_SECONDS:
            return
        try:
            await self._layer().group_add(user_group(key), self._channel)
            self._joined[key] = now
        except Exception as error:
            self._failed("join a group", error)

    async def _leave_group(self, key: str) -> None:
        if key not in self._joined or self._channel is None:
            return
        del self._joined[key]
        try:
            await self._layer().group_discard(user_group(key), self._channel)
        except Exception as error:
            self._failed("leave a group", error)

    async def _listen(self) -> None:
        me = asyncio.current_task()
        while self._ear is me:
            try:
                layer = self._layer()
                channel = await layer.new_channel()
                # A library below may swallow the cancellation (wait_for does before Python 3.12), so ask each time.
                if self._ear is not me:
                    return
                self._channel = channel
                self._joined.clear()
                await self.renew()
                self._tried.set()
                while self._ear is me:
                    message = await layer.receive(channel)
                    if message["type"] == "agent.events":
                        self.hear(from_message(message))
            except Exception as error:
                self._failed("listen", error)
                self._tried.set()
                if self._ear is me:
                    self._channel = None
                    await asyncio.sleep(RETRY_SECONDS)

    def _layer(self) -> Any:
        return get_channel_layer(conf.channel_layer)

    def _failed(self, what: str, error: Exception) -> None:
        metrics.BELL_FAILURES.inc()
        logger.warning("bell_failure: the hub could not %s (%s); sessions read the log instead", what, error)


_hubs = PerLoop(Hub)


def hub_here() -> Hub:
    """The hub of the running event loop."""
    return _hubs.here()


def listening_loops() -> list[asyncio.AbstractEventLoop]:
    """The loops of this process on which somebody listens."""
    return [loop for loop, hub in _hubs.open() if hub.keys]
