"""The example project with limits so low that a test reaches them."""

from netra_events.settings import *  # noqa: F403
from netra_events.settings import EMITTER

EMITTER = {**EMITTER, "REQUEST_SECONDS": 1.0}
