"""The old transparent emitter: tells a user how services are, and what an agent does."""

from emitter.adapters.transparent_websocket_events.bridge import TransparentWebSocketBridge
from emitter.adapters.transparent_websocket_events.emitter import (
    TransparentWebSocketEmitter,
    create_transparent_emitter,
)
from emitter.adapters.transparent_websocket_events.types import WebSocketEventType

__all__ = [
    "TransparentWebSocketBridge",
    "TransparentWebSocketEmitter",
    "WebSocketEventType",
    "create_transparent_emitter",
]
