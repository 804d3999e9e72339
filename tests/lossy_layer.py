"""A channel layer that does to messages what layers do on a bad day, as it is told to and from a seed."""

import asyncio
from random import Random
from typing import Any

from emitter.bell.local import LocalChannelLayer, Message


class LossyChannelLayer(LocalChannelLayer):
    """Loses, repeats, delays and so shuffles what is sent to groups.

    ``lose`` and ``repeat`` are the parts of messages, 0 to 1, to which that happens; each message that arrives does so
    within ``delay`` seconds, in any order. While ``down`` every call fails.
    """

    def __init__(
        self,
        lose: float = 0.0,
        repeat: float = 0.0,
        delay: float = 0.0,
        seed: int = 0,
        down: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.lose, self.repeat, self.delay, self.down = lose, repeat, delay, down
        self._random = Random(seed)

    @property
    def groups(self) -> set[str]:
        """The groups that have members."""
        return set(self._groups)

    def forget_groups(self) -> None:
        """As a Redis that was restarted empty does."""
        self._groups.clear()

    async def new_channel(self, prefix: str = "specific.") -> str:
        self._refuse_while_down()
        return await super().new_channel(prefix)

    async def group_add(self, group: str, channel: str) -> None:
        self._refuse_while_down()
        await super().group_add(group, channel)

    async def group_send(self, group: str, message: Message) -> None:
        self._refuse_while_down()
        if self._random.random() < self.lose:
            return
        for _ in range(1 + (self._random.random() < self.repeat)):
            if self.delay:
                later = self._random.uniform(0, self.delay)
                asyncio.get_running_loop().call_later(later, self._arrive, group, message)
            else:
                await super().group_send(group, message)

    def _arrive(self, group: str, message: Message) -> None:
        for channel in tuple(self._groups.get(group, ())):
            self._put(channel, message)

    def _refuse_while_down(self) -> None:
        if self.down:
            raise ConnectionError("the layer is down")
