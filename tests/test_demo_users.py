from io import StringIO

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.management import call_command

pytestmark = pytest.mark.django_db


def test_the_demonstration_has_its_users() -> None:
    call_command("create_demo_users", stdout=StringIO())
    rights = {name: authenticate(username=name, password="demo") for name in ("alice", "bob", "admin")}
    assert {name: user and user.is_staff for name, user in rights.items()} == {
        "alice": False,
        "bob": False,
        "admin": True,
    }


def test_users_who_exist_are_left_as_they_are() -> None:
    User.objects.create_user("alice", password="own")
    call_command("create_demo_users", stdout=StringIO())
    call_command("create_demo_users", stdout=StringIO())
    assert authenticate(username="alice", password="own")
    assert User.objects.count() == 3
