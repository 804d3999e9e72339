"""The older clients' door: one more dress of a session, with everything that is only theirs."""

from emitter.old_door.door import OldDoor

__all__ = ["OldDoor"]
