"""The example project as a code base has it that is moving over."""

from netra_events.settings import *  # noqa: F403
from netra_events.settings import EMITTER as SETTINGS

EMITTER = {**SETTINGS, "LEGACY_SENDERS": {"unified_emitter": "tests.migration.worker.old_sender"}}
