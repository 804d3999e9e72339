"""Django's admin: the log (``log``), usage and budgets (``metering``), the keys of services and who looked at what
(``access``), the modes of old faces and what differed (``migration``).
"""

from emitter.admin import access, log, metering, migration

__all__ = ["access", "log", "metering", "migration"]
