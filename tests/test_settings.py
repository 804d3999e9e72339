from pathlib import Path

import pytest
from pytest_django import Settings

from netra_events.checks import check_production
from netra_events.settings import DEVELOPMENT_KEY, channel_layer, database

SAFE = {"DEBUG": False, "SECRET_KEY": "k" * 32, "ALLOWED_HOSTS": ["example.com"], "CSRF_TRUSTED_ORIGINS": []}


def faults(settings: Settings, **changes: object) -> list[str]:
    for name, value in (SAFE | changes).items():
        setattr(settings, name, value)
    return [str(message.id) for message in check_production()]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"SECRET_KEY": DEVELOPMENT_KEY}, ["netra_events.E001"]),
        ({"SECRET_KEY": "k" * 31}, ["netra_events.E001"]),
        ({"ALLOWED_HOSTS": []}, ["netra_events.E002"]),
        ({"ALLOWED_HOSTS": ["example.com", "*"]}, ["netra_events.E002"]),
        ({"CSRF_TRUSTED_ORIGINS": ["http://example.com"]}, ["netra_events.E003"]),
        ({"CSRF_TRUSTED_ORIGINS": ["https://*"]}, ["netra_events.E003"]),
        ({"CSRF_TRUSTED_ORIGINS": ["https://*.example.com"]}, []),
        ({"DEBUG": True, "SECRET_KEY": DEVELOPMENT_KEY, "ALLOWED_HOSTS": []}, []),
    ],
)
def test_unsafe_values_are_refused(settings: Settings, changes: dict[str, object], expected: list[str]) -> None:
    assert faults(settings, **changes) == expected


def test_sqlite_is_shared_by_threads_and_processes(tmp_path: Path) -> None:
    settings = database(f"sqlite:///{tmp_path}/db.sqlite3")
    assert settings["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert settings["TEST"]["NAME"] == f"{tmp_path}/test_db.sqlite3"


def test_options_of_an_address_are_kept() -> None:
    settings = database("postgres://postgres@127.0.0.1/events?pool=true&sslmode=require")
    assert settings["OPTIONS"] == {"pool": True, "sslmode": "require"}


def test_redis_is_used_where_it_is_named() -> None:
    assert channel_layer("redis://127.0.0.1/0")["CONFIG"] == {"hosts": ["redis://127.0.0.1/0"]}
    assert "CONFIG" not in channel_layer(None)
