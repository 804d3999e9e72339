"""The example project's settings for processes that are about to suffer.

``CHAOS_FOLDER`` is where the spool and the file that says how bells suffer lie. With ``CHAOS_PLAIN`` the layer is
Channels' own, with ``CHAOS_TIGHT`` limits are small enough to be reached in a round.
"""

from os import environ

from netra_events.settings import *  # noqa: F403
from netra_events.settings import DATABASES, EMITTER

_FOLDER = environ["CHAOS_FOLDER"]
_URL = environ.get("REDIS_URL")
_LAYER = ("Plain" if "CHAOS_PLAIN" in environ else "") + ("Redis" if _URL else "Local")

EMITTER |= {"SPOOL_FOLDER": f"{_FOLDER}/spool", "SESSIONS_PER_USER": 1_000}
if "CHAOS_TIGHT" in environ:
    EMITTER |= {"EMIT_DEADLINE": 2, "CREDIT_EVENTS": 10, "CREDIT_SECONDS": 1}
if "timeout" in DATABASES["default"]["OPTIONS"]:
    # SQLite's own patience with a lock, shorter than an emit's: then a lock that stays is a database that is away.
    DATABASES["default"]["OPTIONS"]["timeout"] = 1
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": f"chaos.layers.{_LAYER}",
        "CONFIG": {"bells": f"{_FOLDER}/bells", **({"hosts": [_URL]} if _URL else {})},
    }
}
