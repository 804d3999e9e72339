"""Channel layers that treat messages to groups as a file says: lose, repeat and delay, and so shuffle, some of them."""

import asyncio
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from channels.layers import InMemoryChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

from emitter.bell.local import LocalChannelLayer
from emitter.bell.redis import RedisChannelLayer


class Suffering:
    """Before a layer's own ``group_send``. The file, if it exists, holds ``lose``, ``repeat`` and ``delay``.

    The first two are parts of the messages, from 0 to 1, the last one is seconds at most.
    """

    def __init__(self, *arguments: Any, bells: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._file = Path(bells)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        for delay in self._fate():
            if delay:
                asyncio.get_running_loop().call_later(delay, self._send_late, group, message)
            else:
                await self.deliver(group, message)

    async def deliver(self, group: str, message: dict[str, Any]) -> None:
        """The layer's own ``group_send``."""
        raise NotImplementedError

    async def group_send_many(self, messages: Iterable[tuple[str, dict[str, Any]]]) -> None:
        for group, message in messages:
            await self.group_send(group, message)

    def _fate(self) -> list[float]:
        """The delay of each copy that is sent."""
        try:
            how: dict[str, float] = json.loads(self._file.read_text())
        except FileNotFoundError:
            return [0.0]
        if random.random() < how.get("lose", 0.0):
            return []
        copies = 1 + (random.random() < how.get("repeat", 0.0))
        return [random.uniform(0, how.get("delay", 0.0)) for _ in range(copies)]

    def _send_late(self, group: str, message: dict[str, Any]) -> None:
        task = asyncio.ensure_future(self.deliver(group, message))
        task.add_done_callback(asyncio.Future.exception)


class Local(Suffering, LocalChannelLayer):
    """The embedded column's layer."""

    deliver = LocalChannelLayer.group_send


class _OfRedis(Suffering):
    """Channels' layer hands each call to a layer of the running loop."""

    async def deliver(self, group: str, message: dict[str, Any]) -> None:
        await self._get_layer().group_send(group, message)  # type: ignore[attr-defined]


class Redis(_OfRedis, RedisChannelLayer):
    """The scaled column's layer."""


class PlainLocal(Suffering, InMemoryChannelLayer):  # type: ignore[misc]
    """Channels' own layer for one process."""

    deliver = InMemoryChannelLayer.group_send


class PlainRedis(_OfRedis, RedisPubSubChannelLayer):  # type: ignore[misc]
    """Channels' own layer for several: the one of its two that outlives a restart of Redis."""
