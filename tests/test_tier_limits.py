"""What else a tier says: how long events are kept, and how many sessions and devices a user has."""

import time
from datetime import timedelta

import jwt
import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone

from emitter.context import RunContext
from emitter.delivery.devices import Position, remember
from emitter.delivery.speech import PLAIN
from emitter.events import AgentThinking
from emitter.models import Device, Event
from emitter.policy import identity, tiers
from emitter.policy.identity import create_token
from emitter.policy.users import key_of
from emitter.service import emitter
from emitter.testing import EventsClient

from .commands import told
from .sockets import converse
from .streams import think

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tiered(configure, key):
    """Alice is basic, everybody else is pro: ``tiered(basic={…}, pro={…})``."""

    def tiered(**given: dict[str, object]) -> None:
        configure(TIERS=given, TIER_OF=lambda other: "basic" if other == key else "pro")

    return tiered


def fill(key: str, days_old: float) -> None:
    emitter.emit(RunContext(key, run_id=f"run of {key}"), AgentThinking("t"))
    Event.objects.filter(stream=key).update(created_at=timezone.now() - timedelta(days=days_old))


def test_each_user_is_pruned_by_tier(tiered, key, bob) -> None:
    tiered(basic={"retention_days": 2}, pro={"retention_days": 400})
    for owner in (key, key_of(bob)):
        fill(owner, days_old=50)
    assert told("prune_events") == "1 events deleted.\n"
    assert Event.objects.get().stream == key_of(bob)


def test_an_age_that_is_given_counts_for_all(tiered, key, bob) -> None:
    tiered(basic={"retention_days": 2}, pro={"retention_days": 400})
    fill(key_of(bob), days_old=50)
    assert told("prune_events", "--days", "40") == "1 events deleted.\n"


def test_whose_tier_cannot_be_told_is_pruned_by_the_longest(configure, key) -> None:
    def ask(key: str) -> str:
        raise RuntimeError("the plans are away")

    configure(TIERS={"basic": {"retention_days": 2}, "pro": {"retention_days": 400}}, TIER_OF=ask)
    fill(key, days_old=50)
    assert told("prune_events") == "0 events deleted.\n"


async def test_one_session_too_many_of_the_tier_is_closed(tiered, key) -> None:
    tiered(basic={"sessions": 2}, pro={})
    async with converse(key), converse(key), converse(key, speech=PLAIN) as third:
        assert await third.closed() == 4429


async def test_another_tier_has_more(tiered, key, bob) -> None:
    tiered(basic={"sessions": 1}, pro={"sessions": 3})
    bobs = key_of(bob)
    async with converse(bobs), converse(bobs), converse(bobs) as third:
        await third.until(await think(bobs))


def test_a_user_has_the_devices_of_the_tier(tiered, key, bob) -> None:
    tiered(basic={"devices": 1}, pro={"devices": 2})
    for owner in (key, key_of(bob)):
        for device in ("phone", "tablet", "desk"):
            remember([Position(owner, device, "epoch", 1)])
    assert [Device.objects.filter(stream=owner).count() for owner in (key, key_of(bob))] == [1, 2]


def test_the_admin_shows_the_tier_beside_the_run(tiered, key, bob, client) -> None:
    tiered(basic={}, pro={})
    for owner in (key, key_of(bob)):
        fill(owner, days_old=0)
    client.force_login(get_user_model().objects.create_superuser("root", password="demo"))
    page = client.get("/admin/emitter/run/").content.decode()
    assert [page.count(f'<td class="field-tier">{name}</td>') for name in ("basic", "pro")] == [1, 1]
    assert "basic" in client.get(f"/admin/emitter/run/run of {key}/change/").content.decode()


def test_no_claim_of_a_token_sets_a_tier(tiered, key) -> None:
    tiered(basic={}, pro={})
    now = int(time.time())
    claims = {**jwt.decode(create_token(key, seconds=60), options={"verify_signature": False}), "tier": "pro"}
    who = identity.of_token(jwt.encode({**claims, "user_tier": "pro", "iat": now}, settings.SECRET_KEY, "HS256"))
    assert tiers.tier_of(who.key).name == "basic"


async def test_no_address_sets_a_tier(tiered, alice) -> None:
    tiered(basic={"sessions": 1}, pro={"sessions": 9})
    async with EventsClient(alice, tier="pro"):
        with pytest.raises(AssertionError, match="4429"):
            await EventsClient(alice, tier="pro", user_tier="pro").__aenter__()
