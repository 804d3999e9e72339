"""System checks: what would break later is said at start."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import connections

from emitter.conf import conf
from emitter.migration import senders
from emitter.migration.modes import ADAPTERS
from emitter.models import Mode


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
    if len(str(conf.token_key or settings.SECRET_KEY).encode()) < 32:
        yield Warning(
            "The key for tokens is shorter than 32 bytes.",
            hint="Set EMITTER['TOKEN_KEY'] (or SECRET_KEY) to 32 random bytes or more; HS256 needs them.",
            id="emitter.W002",
        )


@register()
def check_migration(**_: Any) -> Iterable[CheckMessage]:
    """Settings of a code base that is moving over."""
    for adapter, named in conf.legacy_senders.items():
        fault = senders.fault_of(named) if adapter in ADAPTERS else f"there is no adapter {adapter!r}."
        if fault:
            yield Error(
                f"EMITTER['LEGACY_SENDERS'] names a sender for {adapter!r:.80}: {fault}",
                hint=f"Give one of {', '.join(ADAPTERS)} a callable (method, args, kwargs, face), or its dotted path.",
                id="emitter.E040",
            )
    if conf.rollback_to not in (Mode.LEGACY, Mode.SHADOW):
        yield Error(
            f"EMITTER['ROLLBACK_TO'] is {conf.rollback_to!r:.80}, to which no adapter can go back.",
            hint="Set it to 'legacy' or 'shadow'.",
            id="emitter.E041",
        )
    for name in ("shadow_limit", "failure_limit"):
        limit = getattr(conf, name)
        if limit is not None and not 0 <= limit <= 1:
            yield Error(
                f"EMITTER['{name.upper()}'] is {limit!r:.80}, which is no share.",
                hint="Set it to a number from 0 to 1 (0.05 is 5 %), or to None for no limit.",
                id="emitter.E042",
            )


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
