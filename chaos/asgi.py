"""The product, or with ``CHAOS_PLAIN`` what Channels' documentation would have one write; and a count of statements."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chaos.settings")

from django.core.asgi import get_asgi_application

_django = get_asgi_application()

from django.db.backends.signals import connection_created  # noqa: E402

if "CHAOS_PLAIN" in os.environ:
    from chaos.plain import application as _application
else:
    from netra_events.asgi import application as _application

_statements = 0


def _count(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    global _statements
    _statements += 1
    return execute(sql, params, many, context)


def _watch(connection: Any, **_: Any) -> None:
    connection.execute_wrappers.append(_count)


connection_created.connect(_watch, weak=False)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """``/chaos/statements/`` answers how many SQL statements this process has run."""
    if scope["type"] == "http" and scope["path"] == "/chaos/statements/":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(_statements).encode()})
        return
    await _application(scope, receive, send)
