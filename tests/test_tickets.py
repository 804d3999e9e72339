from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connections
from django.utils import timezone

from emitter.models import Ticket
from emitter.policy import tickets


def test_a_ticket_opens_once(db: None) -> None:
    secret = tickets.issue("7")
    assert tickets.spend(secret).stream == "7"
    assert tickets.spend(secret) is None


@pytest.mark.parametrize("secret", ["", "unknown", "\x00", "\ud800", "x" * 10_000])
def test_what_was_never_issued_opens_nothing(db: None, secret: str) -> None:
    tickets.issue("7")
    assert tickets.spend(secret) is None


def test_an_expired_ticket_opens_nothing(db: None) -> None:
    secret = tickets.issue("7")
    Ticket.objects.update(expires_at=timezone.now() - timedelta(milliseconds=1))
    assert tickets.spend(secret) is None


def test_a_ticket_lasts_half_a_minute(db: None) -> None:
    before = timezone.now()
    tickets.issue("7")
    after = timezone.now()
    assert before <= Ticket.objects.get().expires_at - timedelta(seconds=30) <= after


def test_the_secret_is_not_stored(db: None) -> None:
    secret = tickets.issue("7")
    assert secret not in str(Ticket.objects.values_list().get())


def test_expired_tickets_are_cleared_away(db: None) -> None:
    tickets.issue("7")
    Ticket.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    tickets.issue("8")
    assert Ticket.objects.get().stream == "8"


@pytest.mark.django_db(transaction=True)
def test_of_twenty_tries_at_once_one_wins() -> None:
    secret = tickets.issue("7")
    together = Barrier(20)

    def try_it(_: int) -> str | None:
        connections["default"].ensure_connection()
        together.wait()
        ticket = tickets.spend(secret)
        connections.close_all()
        return ticket.stream if ticket is not None else None

    with ThreadPoolExecutor(20) as threads:
        assert Counter(threads.map(try_it, range(20))) == {"7": 1, None: 19}
