"""Two worlds: the four emitters as they competed, and the one that took their place, in a server of its own."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from django.contrib.auth.models import User

from emitter.policy.users import key_of
from tests.processes import Daphne
from tests.servers import server_environment_now

from .old_world import OldWorld, old_world

STAGE = "tests.mission_critical.websocket_emitter_consolidation.stage:application"


@pytest_asyncio.fixture
async def world() -> AsyncIterator[OldWorld]:
    """The four competing emitters' manager and sockets."""
    async with old_world() as served:
        yield served


@pytest.fixture(scope="module")
def daphne(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Daphne]:
    """The product and the acts of :mod:`.stage`, served for all tests of a module."""
    with Daphne(tmp_path_factory.mktemp("stage"), server_environment_now(), STAGE) as server:
        yield server


@pytest.fixture
def users(db: None) -> list[str]:
    """The keys of a hundred users, none of them a placeholder of the old contexts."""
    made = User.objects.bulk_create(User(pk=4_711 + number, username=f"user-{number}") for number in range(100))
    return [key_of(user) for user in made]
