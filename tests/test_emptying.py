"""Between two tests nothing is left of the first, and what migrations made is kept."""

import pytest
from django.contrib.auth.models import Permission, User

from emitter.blocking import run
from emitter.models import Event

from .emptying import empty, filled_tables
from .streams import think

pytestmark = pytest.mark.django_db(transaction=True)


async def test_nothing_is_left_but_what_migrations_made(key: str) -> None:
    await think(key, 3)
    await run(empty, "default")
    assert await Event.objects.acount() == await User.objects.acount() == 0
    assert await Permission.objects.aexists()


def test_a_table_that_is_referred_to_goes_with_those_that_refer_to_it(alice: User) -> None:
    alice.groups.create(name="analysts")
    assert {"auth_group", "auth_user", "auth_user_groups"} <= {name.strip('"') for name in filled_tables("default")}
    empty("default")
    assert filled_tables("default") == []
