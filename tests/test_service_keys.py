"""Keys of services: what each may do, and that it ends."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from emitter.context import RunContext
from emitter.errors import NotAllowed
from emitter.events import AgentThinking
from emitter.models import AccessRecord, Event, ServiceKey
from emitter.policy import rates, service_keys
from emitter.policy.users import key_of
from emitter.service import emitter

from .test_api import EVENT, Api, assert_problem
from .test_jwks import Clock

pytestmark = pytest.mark.django_db(transaction=True)

STARTED = {**EVENT, "type": "agent_started", "payload": {}}


def issued(**fields: Any) -> str:
    return service_keys.issue(ServiceKey(name="test", **fields), by="1")


def api(**fields: Any) -> Api:
    return Api(token=issued(**fields))


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Buckets that are full, and fill with this clock alone."""
    clock = Clock()
    buckets = rates.LocalRates(clock)
    monkeypatch.setattr(rates, "shared", lambda: buckets)
    return clock


def test_only_a_hash_is_stored() -> None:
    secret = issued()
    stored = str(ServiceKey.objects.values_list().get())
    assert secret not in stored
    assert secret.removeprefix(ServiceKey.objects.get().prefix) not in stored
    assert secret.startswith(f"{ServiceKey.objects.get().prefix}_")


def test_a_key_emits_for_any_user(alice: User, bob: User) -> None:
    receipts = api(may_emit=True).post("/api/events/", [EVENT, {**EVENT, "user": "bob", "run": "b"}]).data["receipts"]
    assert [receipt["seq"] for receipt in receipts] == [1, 1]


def test_a_key_that_may_not_emit_does_not(alice: User) -> None:
    assert_problem(api(may_read=True).post("/api/events/", EVENT), "forbidden")


def test_a_key_emits_only_the_types_that_it_is_for(alice: User) -> None:
    key = api(may_emit=True, types=["agent_started"])
    first, second = key.post("/api/events/", [STARTED, EVENT]).data["receipts"]
    assert (first["seq"], second["index"], second["code"]) == (1, 1, "key_scope")
    assert_problem(key.post("/api/events/", EVENT), "key_scope")


def test_a_key_emits_only_for_the_users_that_it_is_for(alice: User, bob: User) -> None:
    key = api(may_emit=True, users=[key_of(bob)])
    assert_problem(key.post("/api/events/", EVENT), "key_scope")
    assert key.post("/api/events/", {**EVENT, "user": "bob"}).data["seq"] == 1
    assert not Event.objects.filter(stream=key_of(alice)).exists()


def test_bad_items_are_told_as_always(alice: User) -> None:
    key = api(may_emit=True, types=["agent_started"])
    assert_problem(key.post("/api/events/", {**EVENT, "type": "nonsense"}), "unknown_type")
    assert_problem(key.post("/api/events/", b"{"), "broken_json")


def test_a_key_reads_whom_it_may_and_that_is_recorded(alice: User, bob: User) -> None:
    emitter.emit(RunContext(key_of(alice), run_id="r"), AgentThinking("t"))
    key = api(may_read=True, users=[key_of(alice)])
    assert len(key.get("/api/events/", user="alice").data["events"]) == 1
    assert_problem(key.get("/api/events/", user="bob"), "key_scope")
    record = AccessRecord.objects.get()
    assert (record.reader, record.what, record.stream) == (
        f"service {ServiceKey.objects.get().prefix}",
        "events",
        key_of(alice),
    )


def test_a_key_that_may_not_read_does_not(alice: User) -> None:
    assert_problem(api(may_emit=True).get("/api/events/", user="alice"), "forbidden")
    assert_problem(api(may_read=True).get("/api/events/"), "forbidden")
    assert not AccessRecord.objects.exists()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/events/stream/"),
        ("post", "/api/tickets/"),
        ("post", "/api/runs/"),
        ("get", "/api/runs/"),
        ("get", "/api/runs/r/"),
        ("post", "/api/runs/r/cancel/"),
    ],
)
def test_what_is_for_users_is_not_for_services(method: str, path: str) -> None:
    assert_problem(getattr(api(may_emit=True, may_read=True), method)(path), "key_scope")


def test_a_revoked_key_opens_nothing_at_once(alice: User) -> None:
    key = api(may_emit=True)
    assert key.post("/api/events/", EVENT).status_code == 200
    assert service_keys.revoke([ServiceKey.objects.get().id]) == 1
    assert_problem(key.post("/api/events/", EVENT), "key_revoked")
    assert service_keys.revoke([ServiceKey.objects.get().id]) == 0


def test_a_key_ends_when_it_was_said_to(alice: User) -> None:
    key = api(may_emit=True, expires_at=timezone.now() + timedelta(hours=1))
    assert key.post("/api/events/", EVENT).status_code == 200
    ServiceKey.objects.update(expires_at=timezone.now())
    assert_problem(key.post("/api/events/", EVENT), "key_revoked")


@pytest.mark.parametrize("secret", ["nek_", "nek_12345678_invented", "nek_\ud800", "nek_" + "x" * 10_000])
def test_what_was_never_issued_opens_nothing(secret: str) -> None:
    with pytest.raises(NotAllowed, match="not_authenticated"):
        service_keys.of_key(secret)


def test_its_prefix_alone_opens_nothing() -> None:
    issued(may_emit=True)
    assert_problem(Api(token=ServiceKey.objects.get().prefix).post("/api/events/", EVENT), "not_authenticated")


def test_a_key_has_a_rate(alice: User, clock: Clock) -> None:
    key = api(may_emit=True, rate=1)
    assert key.post("/api/events/", [EVENT] * 2).status_code == 200
    refused = key.post("/api/events/", [EVENT] * 2)
    assert_problem(refused, "rate_exceeded")
    assert refused.headers["Retry-After"] == "2"
    assert Event.objects.count() == 2
    clock.now = 2
    assert key.post("/api/events/", [EVENT] * 2).status_code == 200


def test_keys_have_rates_of_their_own(alice: User) -> None:
    for _ in range(2):
        assert api(may_emit=True, rate=1).post("/api/events/", [EVENT] * 2).status_code == 200


def test_the_usual_rate_is_a_setting(alice: User, configure: Any) -> None:
    configure(KEY_RATE=5)
    key = api(may_emit=True)
    assert key.post("/api/events/", [EVENT] * 10).status_code == 200
    assert_problem(key.post("/api/events/", EVENT), "rate_exceeded")


def test_a_token_has_no_rate(alice: User, bob: User, configure: Any) -> None:
    configure(KEY_RATE=1)
    for _ in range(3):
        assert Api(bob, emit=True).post("/api/events/", [EVENT] * 10).status_code == 200


def test_its_last_use_is_noted_about_once_a_minute() -> None:
    secret = issued()
    service_keys.of_key(secret)
    first = ServiceKey.objects.get().used_at
    service_keys.of_key(secret)
    assert ServiceKey.objects.get().used_at == first
    ServiceKey.objects.update(used_at=timezone.now() - timedelta(minutes=2))
    service_keys.of_key(secret)
    assert ServiceKey.objects.get().used_at > first
