"""Holds the sockets of each user."""

import asyncio
from collections import defaultdict
from typing import Any


class WebSocketManager:
    def __init__(self) -> None:
        self._connections = defaultdict(list)
        self._locks = defaultdict(asyncio.Lock)
        self._recovery = defaultdict(list)

    def is_connection_active(self, user_id: str) -> bool:
        return bool(self._connections[user_id])

    async def send_to_user(self, user_id: str, message: dict[str, Any]) -> None:
        async with self._locks[user_id]:
            if not self._connections[user_id]:
                self._recovery[user_id].append(message)
            for connection in self._connections[user_id]:
                await connection.websocket.send_json(message)

    async def send_to_thread(self, thread_id: str, message: dict[str, Any]) -> bool:
        await self.send_to_user(thread_id, message)
        return True

    async def emit_critical_event(self, user_id: str, event_type: str, data: dict[str, Any]) -> None:
        for attempt in range(1, 4):
            try:
                message = {"type": event_type, "data": data, "critical": True, "attempt": attempt}
                await self.send_to_user(user_id, message)
                return
            except ConnectionError:
                await asyncio.sleep(1)
