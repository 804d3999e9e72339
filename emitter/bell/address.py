"""Where the channel layer keeps what its processes share."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from emitter.conf import conf


def redis_address() -> str | None:
    """The URL of the first Redis behind the layer; ``None`` where there is none, or it is not given as a URL."""
    layers: dict[str, Any] = getattr(settings, "CHANNEL_LAYERS", {})
    hosts = layers.get(conf.channel_layer, {}).get("CONFIG", {}).get("hosts") or [None]
    address = hosts[0].get("address") if isinstance(hosts[0], dict) else hosts[0]
    return address if isinstance(address, str) else None
