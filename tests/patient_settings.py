"""The example project where whoever emits waits as long as it takes; for processes that stand in each other's way."""

from netra_events.settings import *  # noqa: F403
from netra_events.settings import DATABASES, EMITTER

EMITTER = {**EMITTER, "EMIT_DEADLINE": 120.0}
if "timeout" in DATABASES["default"]["OPTIONS"]:  # of SQLite
    DATABASES["default"]["OPTIONS"]["timeout"] = 120
