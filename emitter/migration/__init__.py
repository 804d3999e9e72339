"""What helps a code base to move over to the one emitter."""

from emitter.migration.recorder import Sent, sent

__all__ = ["Sent", "sent"]
