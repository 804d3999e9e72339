"""The reusable app."""

from __future__ import annotations

from django.apps import AppConfig


class EmitterConfig(AppConfig):
    name = "emitter"
    verbose_name = "Agent events"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from emitter import (
            checks,  # noqa: F401  (registers the system checks)
            secrecy,
        )

        secrecy.install()
