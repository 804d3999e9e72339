"""System checks: each fault is said by its id, with what to do."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.checks import CheckMessage, run_checks
from django.db import connections

from emitter.checks import check_migration, check_money, check_settings, check_tiers

from .conftest import Configure
from .keys import RSA, pem, private_pem

SQLITE = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
IMMEDIATE = {**SQLITE, "OPTIONS": {"transaction_mode": "IMMEDIATE"}}


def found() -> list[str]:
    """The ids of what the checks say; each says what to do."""
    messages: list[CheckMessage] = [*check_settings(), *check_tiers(), *check_money(), *check_migration()]
    assert all(message.hint for message in messages)
    return [str(message.id) for message in messages]


@pytest.fixture
def log_on(settings: Any, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Has the log in a second database, with the router: ``log_on(IMMEDIATE)``."""

    def log_on(database: dict[str, Any]) -> None:
        monkeypatch.setitem(settings.DATABASES, "events", dict(database))
        connections.configure_settings(settings.DATABASES)
        settings.DATABASE_ROUTERS = ["emitter.routers.EventsRouter"]
        configure(DATABASE="events")

    yield log_on
    del connections["events"]


def test_the_example_project_has_no_fault() -> None:
    assert found() == []


def test_django_runs_them_with_its_own(settings) -> None:
    settings.USE_TZ = False
    assert "emitter.E001" in {message.id for message in run_checks()}


def test_times_without_a_zone_are_refused(settings) -> None:
    settings.USE_TZ = False
    assert found() == ["emitter.E001"]


def test_an_alias_that_no_database_has_is_refused(configure) -> None:
    configure(DATABASE="evnets")
    assert found() == ["emitter.E002"]
    assert "'evnets'" in next(iter(check_settings())).msg


@pytest.mark.parametrize(("length", "expected"), [(31, ["emitter.W002"]), (32, [])])
def test_a_short_key_for_tokens_is_warned_of(configure, length, expected) -> None:
    configure(TOKEN_KEY="k" * length)
    assert found() == expected


def test_djangos_key_counts_where_tokens_have_none(settings) -> None:
    settings.SECRET_KEY = "k" * 31
    assert found() == ["emitter.W002"]


def test_a_key_is_measured_in_bytes(configure) -> None:
    configure(TOKEN_KEY="é" * 16)
    assert found() == []


def test_an_earlier_key_is_measured_as_well(configure) -> None:
    configure(TOKEN_OLD_KEYS=("k" * 31,))
    assert found() == ["emitter.W002"]


@pytest.mark.parametrize("name", ["TOKEN_AUDIENCE", "TOKEN_ISSUER"])
def test_tokens_for_anybody_are_refused(configure, name) -> None:
    configure(**{name: ""})
    assert found() == ["emitter.E005"]


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("https://accounts.example/keys", None),
        ("http://localhost:8080/keys", None),
        ("http://accounts.example/keys", "https"),
        ("/nowhere/keys.json", "No such file"),
    ],
)
def test_the_source_of_public_keys_is_looked_at(configure, source, fault) -> None:
    configure(JWKS=source, JWKS_ISSUER="https://accounts.example")
    assert found() == (["emitter.E006"] if fault else [])
    assert not fault or fault in next(iter(check_settings())).msg


def test_a_file_of_public_keys_has_to_hold_some(configure, tmp_path) -> None:
    configure(JWKS=str(tmp_path / "keys"), JWKS_ISSUER="https://accounts.example")
    (tmp_path / "keys").write_bytes(pem(RSA))
    assert found() == []
    (tmp_path / "keys").write_bytes(private_pem(RSA))
    assert found() == ["emitter.E006"]


def test_public_keys_are_of_a_named_issuer(configure) -> None:
    configure(JWKS="https://accounts.example/keys")
    assert found() == ["emitter.E006"]


def test_a_database_of_its_own_is_fine_with_the_router(log_on, settings) -> None:
    log_on(IMMEDIATE)
    assert found() == []
    settings.DATABASE_ROUTERS = []
    assert found() == ["emitter.E004"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("IMMEDIATE", []), ("exclusive", []), ("DEFERRED", ["emitter.W001"]), (None, ["emitter.W001"])],
)
def test_transactions_that_begin_deferred_are_warned_of(log_on, mode, expected) -> None:
    log_on({**SQLITE, "OPTIONS": {"transaction_mode": mode} if mode else {}})
    assert found() == expected


def test_the_hint_names_the_database_that_is_meant(log_on) -> None:
    log_on(SQLITE)
    assert "DATABASES['events']['OPTIONS']['transaction_mode']" in next(iter(check_settings())).hint


def test_a_database_of_another_make_is_refused(log_on) -> None:
    log_on({"ENGINE": "django.db.backends.dummy"})
    assert found() == ["emitter.E003"]


@pytest.mark.parametrize(
    "given", [{}, {"gold": {"weight": 0}}, {"gold": {"thinking": "loud"}}, {"unknown": {}}, ["free"]]
)
def test_tiers_that_cannot_be_read_are_refused(configure, given) -> None:
    configure(TIERS=given, TIER_OF=str)
    assert found() == ["emitter.E021"]


def test_tiers_that_nobody_has_are_warned_of(configure) -> None:
    configure(TIERS={"gold": {}})
    assert found() == ["emitter.W021"]


@pytest.mark.parametrize("given", ["gold", "nowhere.tier_of", "emitter.conf.nothing", "emitter.conf", 7, ["free"]])
def test_who_has_which_tier_must_be_something_to_ask(configure, given) -> None:
    configure(TIER_OF=given)
    assert found() == ["emitter.E022"]


@pytest.mark.parametrize("given", ["mid", "first_name", "profile__tier", "emitter.wire.hello", str])
def test_a_tier_a_field_a_path_or_a_callable_is_fine(configure, monkeypatch, given) -> None:
    monkeypatch.setattr(User, "profile", None, raising=False)
    configure(TIER_OF=given)
    assert found() == []


def test_prices_and_budgets_that_are_none(configure: Configure) -> None:
    configure(PRICES={"house": {"input": "1", "output": "2"}}, BUDGETS={"free": {"usd": "5"}})
    assert found() == []
    configure(PRICES={"house": {"input": 0.1, "output": "2"}}, BUDGETS={"free": {"usd": "5", "per": "year"}})
    assert found() == ["emitter.E030", "emitter.E031"]


@pytest.mark.parametrize("name", ["LIFECYCLE", "SUSPICIOUS_IDS"])
def test_a_word_that_says_nothing(name: str, configure: Configure) -> None:
    configure(**{name: "warn"})
    assert found() == ["emitter.E032"]


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        ({"LEGACY_SENDERS": {"base_agent": "tests.migration.senders.silent"}}, []),
        ({"LEGACY_SENDERS": {"base_agent": "nowhere"}}, ["emitter.E040"]),
        ({"LEGACY_SENDERS": {"bridge": "tests.migration.senders.silent"}}, ["emitter.E040"]),
        ({"ROLLBACK_TO": "unified"}, ["emitter.E041"]),
        ({"SHADOW_LIMIT": 5}, ["emitter.E042"]),
        ({"FAILURE_LIMIT": None}, []),
    ],
)
def test_what_a_team_that_moves_over_may_set(setting: dict[str, Any], fault: list[str], configure: Configure) -> None:
    configure(**setting)
    assert found() == fault
