"""The one line for a project's ``asgi.py``::

application = emitter.routing.application(get_asgi_application())
"""

from __future__ import annotations

from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path, re_path

from emitter.consumers import EventsConsumer
from emitter.old_door import OldDoor
from emitter.serving import Serving

websocket_urlpatterns = [
    path("ws/events/", EventsConsumer.as_asgi()),
    re_path(r"^ws/?$", OldDoor.as_asgi()),
]


def application(http: Any, websocket_routes: Any = ()) -> Any:
    """HTTP goes to ``http``; ``/ws/events/`` and ``/ws`` are ours; a project's own WebSocket routes may join."""
    routes = URLRouter([*websocket_urlpatterns, *websocket_routes])
    return Serving(ProtocolTypeRouter({"http": http, "websocket": routes}))
