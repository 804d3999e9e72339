"""Users whom the old contexts take: their placeholder words include "1"."""

import pytest
from django.contrib.auth.models import User

from emitter.adapters.context import UserExecutionContext


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create(pk=4711, username="alice")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create(pk=4712, username="bob")


@pytest.fixture
def context(key: str) -> UserExecutionContext:
    """Alice's old context."""
    return UserExecutionContext(key, "thread_7", "run-19", "request-3")
