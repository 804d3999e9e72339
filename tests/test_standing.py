"""Whether those with open sessions may still be here."""

from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from emitter.policy import sessions, users
from emitter.policy.identity import Identity, Standing, of_cookies, of_ticket, of_token, of_user
from emitter.policy.standing import review
from emitter.policy.tickets import issue
from emitter.policy.tokens import create_token
from emitter.policy.users import key_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def who(alice: User) -> Identity:
    return of_user(alice)


def test_every_way_in_has_a_standing(alice: User, client: Client) -> None:
    client.force_login(alice)
    session = client.session.session_key
    ways = [
        of_cookies(f"sessionid={session}"),
        of_ticket(issue(key_of(alice))),
        of_token(create_token(key_of(alice), seconds=60)),
    ]
    mark = users.fingerprint(alice)
    assert [way.standing for way in ways] == [Standing(mark, session), Standing(mark), Standing(mark)]


def test_whoever_stays_as_they_were_stays(who: Identity) -> None:
    assert review([who]) == [who]
    assert review([who])[0] is who


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "another"}])
def test_a_change_of_the_user_ends_it(who: Identity, change: dict[str, Any]) -> None:
    User.objects.update(**change)
    assert review([who]) == [None]


def test_the_end_of_the_user_ends_it(who: Identity) -> None:
    User.objects.all().delete()
    assert review([who]) == [None]


def test_each_is_told_apart(who: Identity, bob: User) -> None:
    other = of_user(bob)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert review([who, other, Identity("unknown"), who]) == [who, None, Identity("unknown"), who]


def test_whoever_is_no_longer_staff_loses_those_rights(who: Identity) -> None:
    assert review([replace(who, is_staff=True, may_view=True)]) == [who]


@pytest.mark.parametrize("engine", ["db", "cached_db", "cache", "file"])
def test_signing_out_ends_one_session_and_no_other(alice: User, settings: Any, tmp_path: Any, engine: str) -> None:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    settings.SESSION_FILE_PATH = str(tmp_path)
    browsers = [Client(), Client()]
    for browser in browsers:
        browser.force_login(alice)
    both = [of_user(alice, browser.session.session_key) for browser in browsers]
    assert review(both) == both
    browsers[0].logout()
    assert [found is not None for found in review(both)] == [False, True]


def test_a_session_that_has_expired_ends_it(alice: User, client: Client) -> None:
    client.force_login(alice)
    who = of_user(alice, client.session.session_key)
    sessions.store().get_model_class().objects.update(expire_date=timezone.now())
    assert review([who]) == [None]


def test_what_a_cookie_holds_whole_nobody_can_end(alice: User, client: Client, settings: Any) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    client.force_login(alice)
    assert len(client.cookies["sessionid"].value) > 100
    who = of_cookies(f"sessionid={client.cookies['sessionid'].value}")
    assert (who.key, who.standing.session) == (key_of(alice), "")
    assert review([who]) == [who]


def test_it_takes_two_statements_for_any_number(alice: User, bob: User, django_assert_num_queries: Any) -> None:
    those = []
    for user in (alice, bob, alice, bob):
        browser = Client()
        browser.force_login(user)
        those.append(of_user(user, browser.session.session_key))
    with django_assert_num_queries(2):
        assert review(those) == those


def test_nothing_is_asked_for_nobody(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert review([]) == []


def test_users_may_be_found_by_callables(who: Identity, configure: Any) -> None:
    configure(USER_KEY=(lambda user: f"t:{user.pk}", lambda key: User.objects.filter(pk=key[2:]).first()))
    tenant = of_user(User.objects.get())
    assert review([tenant]) == [tenant]
    User.objects.update(password="another")
    assert review([tenant]) == [None]


def test_a_secret_is_not_shown_in_texts(alice: User) -> None:
    assert "secret-session" not in repr(of_user(alice, "secret-session"))
