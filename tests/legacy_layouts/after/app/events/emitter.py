"""The one emitter."""

from typing import Any

from app.events.types import Event
from app.websocket_core.manager import WebSocketManager


class Emitter:
    def __init__(self, manager: WebSocketManager) -> None:
        self._manager = manager
        self._numbers: dict[str, int] = {}

    async def emit(self, user_id: str, run_id: str, event: Event) -> None:
        number = self._numbers[user_id] = self._numbers.get(user_id, 0) + 1
        await self._send(user_id, {"type": event.type, "seq": number, "run_id": run_id, "payload": event.payload()})

    async def _send(self, user_id: str, message: dict[str, Any]) -> None:
        await self._manager.send_to_user(user_id, message)


emitter = Emitter(WebSocketManager())
