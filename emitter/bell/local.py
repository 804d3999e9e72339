"""A channel layer within one process, by the specification: the embedded default.

Channels' own in-memory layer walks all channels and groups on each send, and drops a channel from all groups for ever
after one expired message. This one does neither. Like every layer it is at-most-once: a full channel loses what comes.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from copy import deepcopy
from typing import Any
from uuid import uuid4

from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer

Message = dict[str, Any]


class LocalChannelLayer(BaseChannelLayer):  # type: ignore[misc]
    """``capacity`` messages wait in a channel, for ``expiry`` seconds each. Use it from one event loop."""

    extensions = ["groups", "flush"]

    def __init__(self, expiry: float = 60, capacity: int = 10_000, channel_capacity: Any = None) -> None:
        super().__init__(expiry=expiry, capacity=capacity)
        self.channel_capacity = self.compile_capacities(channel_capacity or {})
        self._channels: dict[str, asyncio.Queue[tuple[float, Message]]] = {}
        self._groups: defaultdict[str, set[str]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop on which channels joined groups. ``None``: nobody has, or that loop is closed."""
        return None if self._loop is None or self._loop.is_closed() else self._loop

    async def new_channel(self, prefix: str = "specific.") -> str:
        """A channel name that nobody else has."""
        return f"{prefix}.inmemory!{uuid4().hex}"

    async def send(self, channel: str, message: Message) -> None:
        """Puts a message into a channel. Raises ``ChannelFull``."""
        self._put(channel, message)

    async def receive(self, channel: str) -> Message:
        """The next message that has not expired. A receiver that is cancelled gives up its channel."""
        queue = self._queue(channel)
        try:
            while True:
                expires, message = await queue.get() if queue.empty() else queue.get_nowait()
                if expires >= time.monotonic():
                    return message
        except asyncio.CancelledError:
            self._forget(channel)
            raise

    async def group_add(self, group: str, channel: str) -> None:
        self.require_valid_group_name(group)
        self.require_valid_channel_name(channel)
        self._loop = self.loop or asyncio.get_running_loop()
        self._groups[group].add(channel)

    async def group_discard(self, group: str, channel: str) -> None:
        self.require_valid_group_name(group)
        self._groups[group].discard(channel)
        if not self._groups[group]:
            del self._groups[group]

    async def group_send(self, group: str, message: Message) -> None:
        """Puts a message into every channel of a group; a full one does without it."""
        self.put_group(group, message)

    def put_group(self, group: str, message: Message) -> None:
        """What :meth:`group_send` does, at once: nothing here ever waits. For the loop that uses this layer."""
        if group not in self._groups:
            self.require_valid_group_name(group)
            return
        for channel in tuple(self._groups[group]):
            try:
                self._put(channel, message)
            except ChannelFull:
                continue

    async def flush(self) -> None:
        """Forgets everything."""
        self._channels.clear()
        self._groups.clear()

    def _put(self, channel: str, message: Message) -> None:
        try:
            self._queue(channel).put_nowait((time.monotonic() + self.expiry, _copy(message)))
        except asyncio.QueueFull:
            raise ChannelFull(channel) from None

    def _queue(self, channel: str) -> asyncio.Queue[tuple[float, Message]]:
        if channel not in self._channels:
            self.require_valid_channel_name(channel)
            self._channels[channel] = asyncio.Queue(self.get_capacity(channel))
        return self._channels[channel]

    def _forget(self, channel: str) -> None:
        self._channels.pop(channel, None)
        for group in [name for name, members in self._groups.items() if channel in members]:
            self._groups[group].discard(channel)
            if not self._groups[group]:
                del self._groups[group]


def _copy(message: Message) -> Message:
    """A message of its own for each receiver. Texts and numbers, and lists of texts, need no deep copy."""
    return {name: _copy_value(value) for name, value in message.items()}


def _copy_value(value: Any) -> Any:
    if isinstance(value, str | int | float | None):
        return value
    if type(value) is list and all(type(item) is str for item in value):
        return value.copy()
    return deepcopy(value)
