"""Django's admin: the event log and runs (``log``), the modes of old faces and what differed (``migration``)."""

from emitter.admin import log, migration

__all__ = ["log", "migration"]
