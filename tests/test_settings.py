import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from netra_events.checks import check_production
from netra_events.settings import DEVELOPMENT_KEY, channel_layer, database

from .processes import PROJECT

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


#: What the documentation says to set for production.
PRODUCTION = {
    "DEBUG": "off",
    "SECRET_KEY": "0123456789abcdef" * 4,
    "ALLOWED_HOSTS": "events.example.com",
    "CSRF_TRUSTED_ORIGINS": "https://events.example.com",
}


def checked(**changes: str) -> subprocess.CompletedProcess[str]:
    """`manage.py check --deploy --fail-level WARNING` on the production settings."""
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    environment = {**os.environ, **PRODUCTION, **changes}
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)


def test_djangos_deployment_checks_find_nothing() -> None:
    done = checked()
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


def test_djangos_deployment_checks_would_find_something() -> None:
    done = checked(DEBUG="on")
    assert done.returncode == 1
    assert "security.W018" in done.stderr


def test_pages_come_over_https_and_programs_are_not_sent_elsewhere(settings: Settings, db: None) -> None:
    settings.SECURE_SSL_REDIRECT = True
    answers = [Client().get(path).status_code for path in ("/", "/admin/", "/api/events/", "/healthz")]
    assert answers == [301, 301, 401, 200]


@pytest.mark.parametrize("path", ["/accounts/login/", "/admin/login/", "/healthz", "/api/events/", "/nowhere/"])
def test_every_answer_says_what_a_page_may_load(path: str, db: None) -> None:
    policy = Client().get(path).headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
