"""The same service on plain Channels: an event goes to the user's group, and every socket of the group sends it on."""

import json
from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path


class EventsConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    """``/ws/events/USER/``."""

    async def connect(self) -> None:
        self.group = f"user.{self.scope['url_route']['kwargs']['user']}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()
        await self.send_json({"type": "hello"})

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def agent_event(self, message: dict[str, Any]) -> None:
        await self.send_json(message["event"])


async def emit(user: str, payload: dict[str, Any]) -> None:
    """Sends one event to a user's group."""
    event = {"type": "agent_thinking", "payload": payload}
    await get_channel_layer().group_send(f"user.{user}", {"type": "agent.event", "event": event})


async def http(scope: Any, receive: Any, send: Any) -> None:
    """``POST /api/events/`` emits; everything else answers 200."""
    status = 200
    if scope["method"] == "POST":
        message = await receive()
        item = json.loads(message["body"])
        try:
            await emit(item["user"], item["payload"])
        except Exception:
            status = 503
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


application = ProtocolTypeRouter(
    {"http": http, "websocket": URLRouter([path("ws/events/<str:user>/", EventsConsumer.as_asgi())])}
)
