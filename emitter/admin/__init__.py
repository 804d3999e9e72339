"""Django's admin: the event log and runs (``log``), the keys of services and who looked at what (``access``), the
modes of old faces and what differed (``migration``).
"""

from emitter.admin import access, log, migration

__all__ = ["access", "log", "migration"]
