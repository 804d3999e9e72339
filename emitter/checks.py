"""System checks: what would break later is said at start."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import connections

from emitter.conf import conf


@register()
def check_settings(**_: Any) -> Iterable[CheckMessage]:
    """Settings of the log's database and of tokens."""
    if not settings.USE_TZ:
        yield Error("USE_TZ is off.", hint="Set USE_TZ = True: events carry UTC times.", id="emitter.E001")
    if conf.database not in settings.DATABASES:
        yield Error(
            f"EMITTER['DATABASE'] is {conf.database!r}, which DATABASES does not have.",
            hint="Name an alias of DATABASES.",
            id="emitter.E002",
        )
        return
    yield from _check_database()
    yield from _check_words()
    if len(str(conf.token_key or settings.SECRET_KEY).encode()) < 32:
        yield Warning(
            "The key for tokens is shorter than 32 bytes.",
            hint="Set EMITTER['TOKEN_KEY'] (or SECRET_KEY) to 32 random bytes or more; HS256 needs them.",
            id="emitter.W002",
        )


def _check_words() -> Iterable[CheckMessage]:
    for name, value in (("SUSPICIOUS_IDS", conf.suspicious_ids), ("LIFECYCLE", conf.lifecycle)):
        if value not in ("flag", "refuse", "allow"):
            yield Error(f"EMITTER[{name!r}] is {value!r}.", hint="Say 'flag', 'refuse' or 'allow'.", id="emitter.E030")


def _check_database() -> Iterable[CheckMessage]:
    connection = connections[conf.database]
    if connection.vendor not in ("sqlite", "postgresql"):
        yield Error(f"The log cannot live on {connection.vendor}.", hint="Use SQLite or PostgreSQL.", id="emitter.E003")
    if connection.vendor == "sqlite":
        mode = str(connection.settings_dict["OPTIONS"].get("transaction_mode", "")).upper()
        if mode not in ("IMMEDIATE", "EXCLUSIVE"):
            yield Warning(
                "SQLite transactions begin DEFERRED, and one that reads first fails as soon as another one writes.",
                hint=f"Set DATABASES[{conf.database!r}]['OPTIONS']['transaction_mode'] = 'IMMEDIATE'.",
                id="emitter.W001",
            )
    if conf.database != "default" and "emitter.routers.EventsRouter" not in settings.DATABASE_ROUTERS:
        yield Error(
            "EMITTER['DATABASE'] is not 'default', and the router that sends our tables there is missing.",
            hint="Add 'emitter.routers.EventsRouter' to DATABASE_ROUTERS.",
            id="emitter.E004",
        )
