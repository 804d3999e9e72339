"""System checks that refuse to serve with development values once ``DEBUG`` is off."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from .settings import DEVELOPMENT_KEY

KEY_BYTES = 32


@register(Tags.security)
def check_production(**kwargs: Any) -> list[CheckMessage]:
    """Without ``DEBUG``: an own secret key, named hosts, and origins over https."""
    if settings.DEBUG:
        return []
    return [*check_secret_key(settings.SECRET_KEY), *check_hosts(settings.ALLOWED_HOSTS), *check_origins()]


def check_secret_key(key: str) -> list[CheckMessage]:
    if key != DEVELOPMENT_KEY and len(key.encode()) >= KEY_BYTES:
        return []
    return [
        Error(
            f"SECRET_KEY is the development key or shorter than {KEY_BYTES} bytes.",
            hint="Set the environment variable SECRET_KEY, for example to the output of `openssl rand -hex 32`.",
            id="netra_events.E001",
        )
    ]


def check_hosts(hosts: list[str]) -> list[CheckMessage]:
    if hosts and "*" not in hosts:
        return []
    return [
        Error(
            "ALLOWED_HOSTS is empty or allows every host.",
            hint="Set the environment variable ALLOWED_HOSTS to the names you serve, separated by commas.",
            id="netra_events.E002",
        )
    ]


def check_origins() -> list[CheckMessage]:
    return [
        Error(
            f"CSRF_TRUSTED_ORIGINS trusts {origin!r}, which is not served over https.",
            hint="Write it as https://HOST, or leave it out.",
            id="netra_events.E003",
        )
        for origin in settings.CSRF_TRUSTED_ORIGINS
        if not origin.startswith("https://") or origin in {"https://", "https://*"}
    ]
