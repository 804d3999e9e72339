"""Users whom the old contexts take (their placeholder words include "1"), and an old agent of one."""

import pytest
from django.contrib.auth.models import User

from emitter.adapters.agent_websocket_bridge import AgentWebSocketBridge
from emitter.adapters.context import UserExecutionContext

from .analyst import Analyst


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


@pytest.fixture
def agent(context: UserExecutionContext) -> Analyst:
    """An agent whose bridge knows the user."""
    made = Analyst()
    made.set_websocket_bridge(AgentWebSocketBridge(context), "run-19")
    return made
