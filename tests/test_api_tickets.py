"""``/api/tickets/``: who gets a ticket, and what it opens."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from emitter.errors import NotAllowed
from emitter.models import Ticket
from emitter.policy import identity
from emitter.policy.users import key_of

from .test_api import EVENT, Api, assert_problem

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_ticket_is_for_the_caller_alone(alice, bob) -> None:
    secrets = [Api(user).post("/api/tickets/").data["ticket"] for user in (alice, bob)]
    assert [identity.of_ticket(secret).key for secret in secrets] == [key_of(alice), key_of(bob)]


def test_every_ticket_is_another(alice) -> None:
    secrets = {Api(alice).post("/api/tickets/").data["ticket"] for _ in range(5)}
    assert len(secrets) == Ticket.objects.count() == 5


def test_a_session_gets_one_with_its_csrf_token(alice) -> None:
    session = Client(enforce_csrf_checks=True)
    session.force_login(alice)
    session.cookies["csrftoken"] = token = "t" * 32
    issued = session.post("/api/tickets/", headers={"X-CSRFToken": token}).json()
    assert identity.of_ticket(issued["ticket"]).key == key_of(alice)


def test_nobody_gets_one() -> None:
    assert_problem(Api().post("/api/tickets/"), "not_authenticated")
    assert not Ticket.objects.exists()


def test_how_long_it_is_good_for_is_a_setting(alice, configure) -> None:
    configure(TICKET_SECONDS=0)
    issued = Api(alice).post("/api/tickets/").data
    assert issued["expires_in"] == 0
    with pytest.raises(NotAllowed):
        identity.of_ticket(issued["ticket"])


def test_no_ticket_emits(alice) -> None:
    alice.user_permissions.add(Permission.objects.get(codename="emit_event"))
    secret = Api(alice, emit=True).post("/api/tickets/").data["ticket"]
    assert_problem(Api().post(f"/api/events/?ticket={secret}", EVENT), "not_authenticated")
    assert_problem(Api(token=secret).post("/api/events/", EVENT), "not_authenticated")


def test_the_answer_is_not_kept_by_caches(alice) -> None:
    assert Api(alice).post("/api/tickets/").headers["Cache-Control"] == "no-store"
