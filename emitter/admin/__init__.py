"""Django's admin: the event log and runs (``log``), the keys of services and who looked at what (``access``)."""

from emitter.admin import access, log

__all__ = ["access", "log"]
