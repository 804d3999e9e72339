import time
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.test import Client

from emitter.errors import NotAllowed
from emitter.policy import tickets, users
from emitter.policy.identity import Identity, create_token, is_own_origin, of_cookies, of_ticket, of_token, of_user
from emitter.policy.users import key_of

from .conftest import Configure


def refused(work: Any, *arguments: Any) -> bool:
    with pytest.raises(NotAllowed) as caught:
        work(*arguments)
    return caught.value.code == "not_authenticated"


# Tokens ---------------------------------------------------------------------------------------------------------------


def test_a_token_proves_its_user_until_it_expires(alice: User) -> None:
    began = int(time.time())
    who = of_token(create_token(key_of(alice), seconds=60))
    assert (who.key, who.may_emit, who.is_staff, who.may_view) == (key_of(alice), False, False, False)
    assert began + 60 <= who.expires_at <= time.time() + 60


def test_a_token_may_let_its_bearer_emit(alice: User) -> None:
    assert of_token(create_token(key_of(alice), seconds=60, emit=True)).may_emit


def test_a_token_of_nobody_is_refused(alice: User) -> None:
    assert refused(of_token, create_token("999999", seconds=60))
    assert refused(of_token, create_token(f"0{alice.pk}", seconds=60))


def test_a_token_of_somebody_inactive_is_refused(alice: User) -> None:
    User.objects.update(is_active=False)
    assert refused(of_token, create_token(key_of(alice), seconds=60))


def test_a_token_ends_with_the_password_that_it_was_made_under(alice: User) -> None:
    token = create_token(key_of(alice), seconds=60, fingerprint=users.fingerprint(alice))
    assert of_token(token).key == key_of(alice)
    User.objects.update(password="another")
    assert refused(of_token, token)


def test_a_rotated_secret_key_changes_no_password(alice: User, settings: Any, configure: Configure) -> None:
    configure(TOKEN_KEY="a key for tokens of thirty-two bytes or more")
    token = create_token(key_of(alice), seconds=60, fingerprint=users.fingerprint(alice))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 50, [settings.SECRET_KEY]
    assert of_token(token).key == key_of(alice)
    settings.SECRET_KEY_FALLBACKS = []
    assert refused(of_token, token)


# Tickets --------------------------------------------------------------------------------------------------------------


def test_a_ticket_proves_its_user_once_and_never_lets_emit(alice: User) -> None:
    secret = tickets.issue(key_of(alice))
    assert of_ticket(secret) == Identity(key_of(alice))
    assert refused(of_ticket, secret)


def test_a_ticket_of_somebody_inactive_is_refused(alice: User) -> None:
    secret = tickets.issue(key_of(alice))
    User.objects.update(is_active=False)
    assert refused(of_ticket, secret)


def test_a_ticket_ends_with_the_password_that_it_was_made_under(alice: User) -> None:
    secret = tickets.issue(key_of(alice), fingerprint=users.fingerprint(alice))
    User.objects.update(password="another")
    assert refused(of_ticket, secret)


def test_a_ticket_ends_with_the_session_that_asked_for_it(alice: User, client: Client) -> None:
    client.force_login(alice)
    first, second = (tickets.issue(key_of(alice), session=client.session.session_key) for _ in range(2))
    assert of_ticket(first).standing.session == client.session.session_key
    client.logout()
    assert refused(of_ticket, second)


def test_a_ticket_of_a_token_opens_no_longer_than_the_token(alice: User) -> None:
    until = time.time() + 5
    assert of_ticket(tickets.issue(key_of(alice), until=until)).expires_at == until


# Sessions -------------------------------------------------------------------------------------------------------------


def test_a_user_who_signed_in_is_known(alice: User) -> None:
    assert of_user(alice) == Identity(key_of(alice))


def test_staff_and_whoever_has_the_permission_are_known_as_such(alice: User) -> None:
    alice.user_permissions.add(Permission.objects.get(codename="emit_event"))
    User.objects.update(is_staff=True)
    assert of_user(User.objects.get()) == Identity(key_of(alice), may_emit=True, is_staff=True)
    alice.user_permissions.add(Permission.objects.get(codename="view_event"))
    assert of_user(User.objects.get()).may_view


def test_the_permission_to_view_is_nothing_without_staff(alice: User) -> None:
    alice.user_permissions.add(Permission.objects.get(codename="view_event"))
    assert not of_user(User.objects.get()).may_view


def test_nobody_and_somebody_inactive_are_refused(db: None) -> None:
    assert refused(of_user, None)
    assert refused(of_user, AnonymousUser())
    assert refused(of_user, User(is_active=False))


def test_a_session_cookie_is_known(alice: User, client: Client) -> None:
    client.force_login(alice)
    name = django_settings.SESSION_COOKIE_NAME
    assert of_cookies(f"theme=dark; {name}={client.cookies[name].value}") == Identity(key_of(alice))


def test_an_older_secret_key_leaves_the_browser_its_session(alice: User, client: Client, settings: Any) -> None:
    client.force_login(alice)
    header = f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 50, [settings.SECRET_KEY]
    assert [of_cookies(header).key for _ in range(2)] == [key_of(alice)] * 2


def test_a_cookie_that_is_no_session_is_refused(alice: User) -> None:
    for header in ("", "sessionid=", "sessionid=invented", "nonsense", "sessionid=\x00; ;;"):
        assert refused(of_cookies, header)


# Origins --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin", ["http://desk.example:8000", "https://desk.example:8000", "https://DESK.example:8000"]
)
def test_a_page_of_this_host_is_our_own(origin: str) -> None:
    assert is_own_origin(origin, "desk.example:8000")


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "file://desk.example",
        "desk.example",
        "https://desk.example.evil.example",
        "https://evil.example",
        "https://desk.example:8000",
        "https://evildesk.example",
        "https://desk.example@evil.example",
        "http://[",
    ],
)
def test_a_page_of_another_host_is_foreign(origin: str) -> None:
    assert not is_own_origin(origin, "desk.example")


def test_trusted_origins_are_our_own(settings: Any) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://app.example", "https://*.team.example"]
    assert is_own_origin("https://app.example", "desk.example")
    assert is_own_origin("https://a.team.example", "desk.example")
    for foreign in ("http://app.example", "https://team.example", "https://evilteam.example", "https://b.app.example"):
        assert not is_own_origin(foreign, "desk.example")
