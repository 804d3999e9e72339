from django.apps import AppConfig


class NetraEventsConfig(AppConfig):
    name = "netra_events"
    verbose_name = "Example project"

    def ready(self) -> None:
        from . import checks  # noqa: F401  (registers the system checks)
