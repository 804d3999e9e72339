"""The one line for a project's ``asgi.py``::

application = emitter.routing.application(get_asgi_application())
"""

from __future__ import annotations

from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path, re_path


def application(http: Any, websocket_routes: Any = ()) -> Any:
    """HTTP goes to ``http``; ``/ws/events/`` and ``/ws`` are ours; a project's own WebSocket routes may join."""
    # A project imports this module before ``get_asgi_application()`` has set Django up.
    from emitter.consumers import EventsConsumer
    from emitter.old_door import OldDoor
    from emitter.serving import Serving

    ours = [path("ws/events/", EventsConsumer.as_asgi()), re_path(r"^ws/?$", OldDoor.as_asgi())]
    return Serving(ProtocolTypeRouter({"http": http, "websocket": URLRouter([*ours, *websocket_routes])}))
