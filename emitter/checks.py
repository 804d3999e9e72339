"""System checks: what would break later is said at start."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.utils.module_loading import import_string

from emitter.conf import conf
from emitter.metering.budgets import limit_from
from emitter.metering.prices import own_prices
from emitter.migration import senders
from emitter.migration.modes import ADAPTERS
from emitter.models import Mode
from emitter.policy import jwks, tiers, tokens


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
    yield from _check_tokens()


def _check_tokens() -> Iterable[CheckMessage]:
    if any(len(secret.encode()) < tokens.KEY_BYTES for secret in tokens.secrets()):
        yield Warning(
            "The key for tokens is shorter than 32 bytes.",
            hint="Set EMITTER['TOKEN_KEY'] (or SECRET_KEY) to 32 random bytes or more; HS256 needs them.",
            id="emitter.W002",
        )
    if not (conf.token_audience and conf.token_issuer):
        yield Error(
            "EMITTER['TOKEN_AUDIENCE'] or EMITTER['TOKEN_ISSUER'] is empty, so that no token can be checked for it.",
            hint="Name them, or leave both out.",
            id="emitter.E005",
        )
    if conf.jwks is not None and (fault := _fault_of_jwks(conf.jwks)):
        yield Error(
            f"EMITTER['JWKS'] cannot be used: {fault}.",
            hint="Name a file of public keys (PEM or JWKS) or the https address of a JWKS, and JWKS_ISSUER beside it.",
            id="emitter.E006",
        )


def _fault_of_jwks(source: str) -> str | None:
    if not conf.jwks_issuer:
        return "EMITTER['JWKS_ISSUER'] does not name the issuer of its tokens"
    if find_spec("cryptography") is None:
        return "the package cryptography is missing (pip install 'netra-events[jwks]')"
    if jwks.is_address(source):
        return None if jwks.is_safe_address(source) else "its address does not begin with https://"
    try:
        jwks.parse(jwks.read(source))
    except (OSError, jwks.UnusableKeys) as error:
        return str(error)
    return None


@register()
def check_tiers(**_: Any) -> Iterable[CheckMessage]:
    """Settings of tiers."""
    try:
        tiers.names()
    except ImproperlyConfigured as error:
        yield Error(str(error), hint="See the section Tiers of the reference for what a tier gives.", id="emitter.E021")
        return
    if conf.tier_of is None:
        if conf.tiers is not None:
            yield Warning(
                "EMITTER['TIERS'] is set, and nothing says who has which.",
                hint="Set EMITTER['TIER_OF'] to a callable, a field of the user, or one tier for all.",
                id="emitter.W021",
            )
    elif fault := _fault_of_tier_of(conf.tier_of):
        yield Error(
            f"EMITTER['TIER_OF'] {fault}.",
            hint="Give a callable (user key → tier), its dotted path, a field of the user model, or one tier's name.",
            id="emitter.E022",
        )


def _fault_of_tier_of(given: Any) -> str | None:
    if not isinstance(given, str):
        return None if callable(given) else f"is {given!r:.80}, which cannot be called"
    if given in tiers.names():
        return None
    if "." not in given:
        known = hasattr(get_user_model(), given.split("__")[0])
        return None if known else f"is {given!r:.80}, which is neither a tier nor a field of the user model"
    try:
        return None if callable(import_string(given)) else f"names {given!r:.80}, which cannot be called"
    except ImportError as error:
        return f"names {given!r:.80}, which cannot be imported: {error}"


def _check_words() -> Iterable[CheckMessage]:
    for name, value in (("SUSPICIOUS_IDS", conf.suspicious_ids), ("LIFECYCLE", conf.lifecycle)):
        if value not in ("flag", "refuse", "allow"):
            yield Error(f"EMITTER[{name!r}] is {value!r}.", hint="Say 'flag', 'refuse' or 'allow'.", id="emitter.E032")


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


@register()
def check_money(**_: Any) -> Iterable[CheckMessage]:
    """The team's own prices, and the budgets of tiers."""
    for model in conf.prices:
        try:
            own_prices(model)
        except ValueError as error:
            yield Error("EMITTER['PRICES'] has a price that is none.", hint=str(error), id="emitter.E030")
    for tier, given in conf.budgets.items():
        try:
            limit_from(tier, given)
        except ValueError as error:
            yield Error("EMITTER['BUDGETS'] has a budget that is none.", hint=str(error), id="emitter.E031")
