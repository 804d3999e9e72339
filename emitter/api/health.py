"""``/healthz``: this process answers. ``/readyz``: it can do its work, the log and the bell are within reach."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from django.http import HttpRequest, HttpResponse

from emitter import bell, blocking, log
from emitter.api.http import json_response
from emitter.service import emitter

logger = logging.getLogger("emitter")

#: Seconds that a part may take to answer.
PATIENCE = 2.0


async def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the process answers."""
    return json_response({"status": "ok"})


async def readyz(request: HttpRequest) -> HttpResponse:
    """200 when emits can be stored. A bell out of reach is told but costs time only, so it is no reason to be 503."""
    parts: dict[str, Any] = {
        "log": await _reach(blocking.run(log.ping)),
        "bell": await _reach(bell.probe()),
        "spool": emitter.spool.status(),
    }
    ready = parts["log"] == "ok"
    return json_response({"status": "ok" if ready else "unavailable", **parts}, status=200 if ready else 503)


async def _reach(probe: Any) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            await probe
    except Exception as error:
        logger.warning("not_ready: %s", error)
        return f"unreachable: {type(error).__name__}"
    return "ok"
