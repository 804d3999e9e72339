"""``manage.py create_token``."""

import time

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError

from emitter.errors import NotAllowed
from emitter.policy import identity

from .commands import told

pytestmark = pytest.mark.django_db(transaction=True)


def token(*arguments: str) -> str:
    return told("create_token", "--user", "alice", *arguments).strip()


def test_it_is_of_the_user_by_name_and_by_key(key) -> None:
    assert identity.of_token(token()).key == identity.of_token(told("create_token", "--user", key).strip()).key == key


def test_it_may_emit_only_if_asked(key) -> None:
    assert [identity.of_token(token(*more)).may_emit for more in ([], ["--emit"])] == [False, True]


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [([], 3_600), (["--expires", "90s"], 90), (["--expires", "15m"], 900), (["--expires", "7d"], 604_800)],
)
def test_it_is_good_for_an_hour_or_as_long_as_said(key, arguments, seconds) -> None:
    began = int(time.time())
    expires_at = identity.of_token(token(*arguments)).expires_at
    assert began + seconds <= expires_at <= time.time() + seconds


@pytest.mark.parametrize("expires", ["1", "1y", "0h", "", "-1h", "1.5h", "1h30m"])
def test_a_duration_is_a_number_and_a_unit(key, expires) -> None:
    with pytest.raises(CommandError, match="is no duration; write 90s, 15m, 1h or 7d"):
        token(f"--expires={expires}")


def test_a_stranger_gets_none(key) -> None:
    with pytest.raises(CommandError, match="unknown_user: No user has the key or the name 'nobody'"):
        told("create_token", "--user", "nobody")


def test_it_lives_no_longer_than_allowed(key) -> None:
    with pytest.raises(CommandError, match="bad_request: A token lives 30 days at most"):
        token("--expires", "31d")


def test_it_ends_with_the_users_password(key) -> None:
    made = token()
    User.objects.update(password="another")
    with pytest.raises(NotAllowed):
        identity.of_token(made)
