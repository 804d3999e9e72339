import time
from typing import Any

import jwt
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.test import Client

from emitter.errors import NotAllowed
from emitter.policy import tickets
from emitter.policy.identity import Identity, create_token, is_own_origin, of_cookies, of_ticket, of_token, of_user
from emitter.policy.users import key_of

from .conftest import Configure

KEY = django_settings.SECRET_KEY


def signed(key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode({"sub": "1", "exp": int(time.time()) + 60, **claims}, key, algorithm=algorithm)


def code_of(token: str) -> str:
    with pytest.raises(NotAllowed) as caught:
        of_token(token)
    return caught.value.code


def refused(work: Any, *arguments: Any) -> bool:
    with pytest.raises(NotAllowed) as caught:
        work(*arguments)
    return caught.value.code == "not_authenticated"


# Tokens ---------------------------------------------------------------------------------------------------------------


def test_a_token_proves_its_user_until_it_expires(alice: User) -> None:
    who = of_token(create_token(key_of(alice), seconds=60))
    assert (who.key, who.may_emit, who.is_staff) == (key_of(alice), False, False)
    assert who.expires_at == pytest.approx(time.time() + 60, abs=2)


def test_a_token_may_let_its_bearer_emit(alice: User) -> None:
    assert of_token(create_token(key_of(alice), seconds=60, emit=True)).may_emit


@pytest.mark.parametrize("claim", [1, "true", None, [True]])
def test_only_true_lets_a_bearer_emit(alice: User, claim: Any) -> None:
    assert not of_token(signed(sub=key_of(alice), emit=claim)).may_emit


def test_a_token_that_has_expired_says_so(alice: User) -> None:
    assert code_of(create_token(key_of(alice), seconds=-1)) == "token_expired"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "nonsense",
        "a.b.c",
        signed("another key of thirty-two bytes or more"),
        signed("", "none"),
        jwt.encode({"sub": "1"}, KEY, algorithm="HS256"),
        jwt.encode({"exp": int(time.time()) + 60}, KEY, algorithm="HS256"),
        signed(exp="soon"),
        signed(nbf=int(time.time()) + 60),
    ],
    ids=["empty", "text", "dots", "key", "none", "no end", "nobody", "end", "not yet"],
)
def test_a_token_that_is_not_sound_is_refused(db: None, token: str) -> None:
    assert code_of(token) == "not_authenticated"


def test_a_token_of_another_algorithm_is_refused(alice: User, configure: Configure) -> None:
    configure(TOKEN_KEY=(key := "k" * 64))
    assert of_token(signed(key, sub=key_of(alice))).key == key_of(alice)
    for algorithm in ("HS384", "HS512"):
        assert code_of(signed(key, algorithm, sub=key_of(alice))) == "not_authenticated"


def test_a_token_of_nobody_is_refused(alice: User) -> None:
    assert code_of(create_token("999999", seconds=60)) == "not_authenticated"
    assert code_of(create_token(f"0{alice.pk}", seconds=60)) == "not_authenticated"


def test_a_token_of_somebody_inactive_is_refused(alice: User) -> None:
    User.objects.update(is_active=False)
    assert code_of(create_token(key_of(alice), seconds=60)) == "not_authenticated"


def test_tokens_may_have_a_key_of_their_own(alice: User, configure: Configure) -> None:
    old = create_token(key_of(alice), seconds=60)
    configure(TOKEN_KEY="a key for tokens of thirty-two bytes or more")
    assert code_of(old) == "not_authenticated"
    assert of_token(create_token(key_of(alice), seconds=60)).key == key_of(alice)


# Tickets --------------------------------------------------------------------------------------------------------------


def test_a_ticket_proves_its_user_once_and_never_lets_emit(alice: User) -> None:
    secret = tickets.issue(key_of(alice))
    assert of_ticket(secret) == Identity(key_of(alice))
    assert refused(of_ticket, secret)


def test_a_ticket_of_somebody_inactive_is_refused(alice: User) -> None:
    secret = tickets.issue(key_of(alice))
    User.objects.update(is_active=False)
    assert refused(of_ticket, secret)


# Sessions -------------------------------------------------------------------------------------------------------------


def test_a_user_who_signed_in_is_known(alice: User) -> None:
    assert of_user(alice) == Identity(key_of(alice))


def test_staff_and_whoever_has_the_permission_are_known_as_such(alice: User) -> None:
    alice.user_permissions.add(Permission.objects.get(codename="emit_event"))
    User.objects.update(is_staff=True)
    assert of_user(User.objects.get()) == Identity(key_of(alice), may_emit=True, is_staff=True)


def test_nobody_and_somebody_inactive_are_refused(db: None) -> None:
    assert refused(of_user, None)
    assert refused(of_user, AnonymousUser())
    assert refused(of_user, User(is_active=False))


def test_a_session_cookie_is_known(alice: User, client: Client) -> None:
    client.force_login(alice)
    name = django_settings.SESSION_COOKIE_NAME
    assert of_cookies(f"theme=dark; {name}={client.cookies[name].value}") == Identity(key_of(alice))


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
