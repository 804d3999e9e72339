"""The old unified emitter: one a user, addressed by the user's id."""

from emitter.adapters.unified_emitter.authentication import AuthenticationWebSocketEmitter, AuthenticationWebSocketError
from emitter.adapters.unified_emitter.emitter import UnifiedWebSocketEmitter
from emitter.adapters.unified_emitter.factory import WebSocketEmitterFactory, WebSocketEmitterPool

#: The same class under the names by which it was also known.
WebSocketEventEmitter = IsolatedWebSocketEventEmitter = UserWebSocketEmitter = UnifiedWebSocketEmitter

__all__ = [
    "AuthenticationWebSocketEmitter",
    "AuthenticationWebSocketError",
    "IsolatedWebSocketEventEmitter",
    "UnifiedWebSocketEmitter",
    "UserWebSocketEmitter",
    "WebSocketEmitterFactory",
    "WebSocketEmitterPool",
    "WebSocketEventEmitter",
]
