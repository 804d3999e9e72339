"""The example project on a machine that may be slow: a part is out of reach after a minute, not after two seconds."""

import netra_events.asgi  # The first, because it makes the apps ready.
from emitter.api import health
from emitter.bell import ringer

health.PATIENCE = ringer.SEND_SECONDS = 60.0
application = netra_events.asgi.application
