"""Rings: hands what was committed to the channel layer, once a user and flush.

A layer within this process is rung on the loop where it is used, and not at all when nobody uses it (Channels' own
in-memory layer does not know: it is rung where a hub listens). Any other layer is rung on the listening loop, or on one
loop of our own, made when a process without a server first rings.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from channels.layers import InMemoryChannelLayer, get_channel_layer

from emitter import metrics
from emitter.bell.group import EVENT_BYTES, to_message, user_group
from emitter.bell.hub import listening_loops
from emitter.bell.local import LocalChannelLayer
from emitter.conf import conf
from emitter.cursor import Growth
from emitter.loops import OwnLoop

logger = logging.getLogger("emitter")

#: Seconds that the layer may take for one message.
SEND_SECONDS = 2.0
#: Seconds that a process waits at its end for bells under way.
GOODBYE_SECONDS = 2.0


def ring(growth: Sequence[Growth]) -> None:
    """Rings for streams that have grown. From any thread; never waits and never raises."""
    try:
        layer = get_channel_layer(conf.channel_layer)
        if layer is None or not growth:
            return
        for loop in _loops_of(layer):
            loop.call_soon_threadsafe(_add, loop, layer, growth)
    except Exception as error:
        metrics.BELL_FAILURES.inc()
        logger.warning("bell_failure: could not ring (%s); sessions read the log instead", error)


def _loops_of(layer: Any) -> list[asyncio.AbstractEventLoop]:
    if isinstance(layer, LocalChannelLayer):
        return [layer.loop] if layer.loop is not None else []
    if isinstance(layer, InMemoryChannelLayer):
        return listening_loops()
    return listening_loops()[:1] or [_own.get()]


async def probe() -> None:
    """Raises when the channel layer is out of reach."""
    layer = get_channel_layer(conf.channel_layer)
    if layer is not None:
        async with asyncio.timeout(SEND_SECONDS):
            await layer.group_send("emitter.probe", {"type": "agent.probe"})


def merge(old: Growth | None, new: Growth) -> Growth:
    """One bell that says what two say. Bodies are kept while they are contiguous and small."""
    if old is None:
        return new
    if new.epoch == old.epoch and new.first == old.head + 1 and old.bodies and new.bodies:
        bodies = (*old.bodies, *new.bodies)
        if sum(map(len, bodies)) <= EVENT_BYTES:
            return Growth(new.stream, new.epoch, old.first, new.head, bodies)
    epoch = max(old.epoch, new.epoch)
    head = max(g.head for g in (old, new) if g.epoch == epoch)
    return Growth(new.stream, epoch, head, head)


class Ringer:
    """What waits to be rung on one loop: at most one bell a stream."""

    def __init__(self) -> None:
        self._waiting: dict[str, Growth] = {}
        self.task: asyncio.Task[None] | None = None

    def add(self, layer: Any, growth: Sequence[Growth]) -> None:
        """Rings at once on a layer that never waits; else with the next round trip, at most one bell a stream."""
        if type(layer) is LocalChannelLayer:  # A subclass may wait, or fail.
            metrics.BELLS.inc(len(growth))
            for news in growth:
                layer.put_group(user_group(news.stream), to_message(news))
            return
        for news in growth:
            self._waiting[news.stream] = merge(self._waiting.get(news.stream), news)
        if self.task is None or self.task.done():
            self.task = asyncio.get_running_loop().create_task(self._ring(layer))

    async def _ring(self, layer: Any) -> None:
        while self._waiting:
            bells, self._waiting = list(self._waiting.values()), {}
            messages = [(user_group(news.stream), to_message(news)) for news in bells]
            metrics.BELLS.inc(len(messages))
            try:
                await _send(layer, messages)
            except Exception as error:
                metrics.BELL_FAILURES.inc(len(messages))
                logger.warning("bell_failure: %d bells lost (%s); sessions read the log", len(messages), error)


async def _send(layer: Any, messages: list[tuple[str, dict[str, Any]]]) -> None:
    """One round trip where the layer can do that, else one a message."""
    async with asyncio.timeout(SEND_SECONDS + 0.001 * len(messages)):
        if hasattr(layer, "group_send_many"):
            await layer.group_send_many(messages)
            return
        for group, message in messages:
            await layer.group_send(group, message)


_ringers: WeakKeyDictionary[asyncio.AbstractEventLoop, Ringer] = WeakKeyDictionary()
_own = OwnLoop("emitter-bell")


def _add(loop: asyncio.AbstractEventLoop, layer: Any, growth: Sequence[Growth]) -> None:
    if loop not in _ringers:
        _ringers[loop] = Ringer()
    _ringers[loop].add(layer, growth)


def _finish() -> None:
    """Lets bells under way leave before the process ends; one that is held up is lost."""
    if _own.made is not None:
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(_settle(_own.made), _own.made).result(2 * GOODBYE_SECONDS)


async def _settle(loop: asyncio.AbstractEventLoop) -> None:
    ringer = _ringers.get(loop)
    if ringer is not None and ringer.task is not None:
        await asyncio.wait([ringer.task], timeout=GOODBYE_SECONDS)


atexit.register(_finish)
