import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import pytest
from asgiref.sync import SyncToAsync
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.contrib.auth.models import User
from django.db import connections
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from emitter import blocking, testing
from emitter.api import health
from emitter.bell import ringer
from emitter.policy.users import key_of

from .emptying import empty_after

# How long an example takes says more about the machine than about the code.
hypothesis_settings.register_profile(
    "unhurried", hypothesis_settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("unhurried")
testing.PATIENCE = 60.0


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Our threads keep their connections, and PostgreSQL drops no database that somebody is connected to."""
    yield
    blocking.shutdown()
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()


class QuickHasher(PBKDF2PasswordHasher):
    """Django's own hash with one iteration: quick here, and known to a server with the usual settings."""

    iterations = 1


@pytest.fixture
def alice(db: None) -> User:
    return person("alice")


@pytest.fixture
def key(alice: User) -> str:
    """Alice's user key."""
    return key_of(alice)


@pytest.fixture
def bob(db: None) -> User:
    return person("bob")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads that close their connections when the test ends."""
    barrier = threading.Barrier(40)

    def close() -> None:
        connections.close_all()
        barrier.wait(60)

    with ThreadPoolExecutor(40) as executor:
        yield executor
        for _ in range(40):
            executor.submit(close)


class Configure(Protocol):
    """Sets keys of ``EMITTER`` for the test: ``configure(REPAIR_SECONDS=0.02)``."""

    def __call__(self, **values: Any) -> None: ...


@pytest.fixture
def configure(settings: Any) -> Configure:
    def configure(**values: Any) -> None:
        settings.EMITTER = {**settings.EMITTER, **values}

    return configure


@pytest.fixture
def unhurried(configure: Configure) -> None:
    """An emit waits as long as a test holds it up, however slow the machine is."""
    configure(EMIT_DEADLINE=100)


@pytest.fixture
def patiently_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """``readyz`` waits for the parts of this process, however slow the machine is."""
    monkeypatch.setattr(health, "PATIENCE", 60.0)
    monkeypatch.setattr(ringer, "SEND_SECONDS", 60.0)


def person(name: str) -> User:
    """A user who signs in with the password demo."""
    return User.objects.create(username=name, password=make_password("demo", hasher=QuickHasher()))


TransactionTestCase._fixture_teardown = empty_after
