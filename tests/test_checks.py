"""System checks: each fault is said by its id, with what to do."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.db import connections

from emitter.checks import check_migration, check_settings

from .conftest import Configure

SQLITE = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
IMMEDIATE = {**SQLITE, "OPTIONS": {"transaction_mode": "IMMEDIATE"}}


def found() -> list[str]:
    """The ids of what the checks say; each says what to do."""
    messages: list[CheckMessage] = [*check_settings(), *check_migration()]
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
