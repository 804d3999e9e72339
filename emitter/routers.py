"""Sends our tables to ``EMITTER["DATABASE"]`` when that is not the default."""

from __future__ import annotations

from typing import Any

from emitter.conf import conf


class EventsRouter:
    """For ``DATABASE_ROUTERS``."""

    def db_for_read(self, model: Any, **_: Any) -> str | None:
        return conf.database if model._meta.app_label == "emitter" else None

    def db_for_write(self, model: Any, **_: Any) -> str | None:
        return self.db_for_read(model)

    def allow_migrate(self, db: str, app_label: str, **_: Any) -> bool | None:
        return db == conf.database if app_label == "emitter" else None
