"""Who looked at whose data: staff with the permission, and each look is on record."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from emitter.context import RunContext
from emitter.events import AgentStarted
from emitter.jobs import JOBS
from emitter.models import AccessRecord, Event, ServiceKey
from emitter.policy import access, identity
from emitter.policy.users import key_of
from emitter.service import emitter

from .commands import told as printed
from .conftest import person
from .test_api import EVENT, Api, assert_problem

pytestmark = pytest.mark.django_db(transaction=True)

KEYS, RECORDS = "/admin/emitter/servicekey/", "/admin/emitter/accessrecord/"


def staff(name: str, *permissions: str) -> User:
    user = person(name)
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def signed_in(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def told(alice: User) -> str:
    """One event of alice, in the run r."""
    emitter.emit(RunContext(key_of(alice), run_id="r"), AgentStarted("Why?"))
    return key_of(alice)


def records() -> list[tuple[str, str, str, str]]:
    return list(AccessRecord.objects.order_by("id").values_list("how", "reader", "what", "stream"))


# Over HTTP ------------------------------------------------------------------------------------------------------------


def test_staff_with_the_permission_read_anothers_events(told: str) -> None:
    viewer = staff("viewer", "view_event")
    assert len(Api(viewer).get("/api/events/", user="alice").data["events"]) == 1
    assert Api(viewer).get("/api/runs/r/").data["run_id"] == "r"
    assert records() == [("api", key_of(viewer), "events", told), ("api", key_of(viewer), "run", told)]


@pytest.mark.parametrize("permissions", [[], ["emit_event"]])
def test_staff_without_it_do_not(told: str, permissions: list[str]) -> None:
    other = Api(staff("other", *permissions))
    assert_problem(other.get("/api/events/", user="alice"), "forbidden")
    assert_problem(other.get("/api/runs/r/"), "not_found")
    assert records() == []


def test_the_permission_without_staff_is_not_enough(told: str, bob: User) -> None:
    bob.user_permissions.add(Permission.objects.get(codename="view_event"))
    assert_problem(Api(bob).get("/api/events/", user="alice"), "forbidden")
    assert_problem(Api(bob).get("/api/runs/r/"), "not_found")


def test_nobody_learns_who_has_an_account(told: str, bob: User) -> None:
    for named in ("alice", "nobody", "\x00"):
        assert_problem(Api(bob).get("/api/events/", user=named), "forbidden")


def test_ones_own_is_no_matter_of_record(told: str, alice: User) -> None:
    for query in ({}, {"user": told}):
        assert len(Api(alice).get("/api/events/", **query).data["events"]) == 1
    assert Api(alice).get("/api/runs/r/").status_code == 200
    assert records() == []


def test_that_staff_stopped_a_run_is_on_record(told: str) -> None:
    helper = staff("helper")
    assert Api(helper).post("/api/runs/r/cancel/").data["state"] == "cancelled"
    assert records() == [("api", key_of(helper), "cancel", told)]


def test_what_cannot_be_recorded_cannot_be_read(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "DETAIL", "broken")
    with pytest.raises(TypeError):
        Api(staff("viewer", "view_event")).get("/api/events/", user="alice")


# In the admin ---------------------------------------------------------------------------------------------------------


def test_each_look_in_the_admin_is_on_record(told: str) -> None:
    viewer = staff("viewer", "view_event", "view_run")
    browser = signed_in(viewer)
    row = Event.objects.get().pk
    paths = ("event/?user=alice", f"event/{row}/change/", "run/", "run/r/change/")
    for path in paths:
        assert browser.get(f"/admin/emitter/{path}").status_code == 200
    who = key_of(viewer)
    seen = [("events", told), ("event", told), ("runs", ""), ("run", told)]
    assert records() == [("admin", who, what, stream) for what, stream in seen]


@pytest.mark.parametrize("user", ["nobody", "x" * 300, "\x00", "line\nbreak"])
def test_a_look_for_nobody_is_on_record_too(told: str, user: str) -> None:
    page = signed_in(staff("viewer", "view_event")).get("/admin/emitter/event/", {"user": user})
    assert page.status_code in (200, 302)
    assert AccessRecord.objects.get().stream == ("nobody" if user == "nobody" else "")


def test_a_run_that_can_be_none_is_not_looked_for(told: str) -> None:
    page = signed_in(staff("viewer", "view_event")).get("/admin/emitter/event/", {"run": "\x00"})
    assert list(page.context["cl"].result_list) == []


def test_who_may_not_look_leaves_no_record(told: str) -> None:
    browser = signed_in(staff("other"))
    assert browser.get("/admin/emitter/event/").status_code == 403
    assert browser.get(f"/admin/emitter/event/{Event.objects.get().pk}/change/").status_code == 403
    assert records() == []


def test_records_are_read_and_never_changed(told: str) -> None:
    access.record(identity.of_user(staff("viewer")), "run", told)
    record = AccessRecord.objects.get().pk
    browser = signed_in(User.objects.create_superuser("root"))
    assert browser.get(RECORDS).status_code == browser.get(f"{RECORDS}{record}/change/").status_code == 200
    for path in ("add/", f"{record}/change/", f"{record}/delete/"):
        assert browser.post(f"{RECORDS}{path}", {"post": "yes", "reader": "x"}).status_code == 403
    browser.post(RECORDS, {"action": "delete_selected", "_selected_action": [record], "post": "yes"})
    assert AccessRecord.objects.get().reader != "x"


def test_records_are_kept_for_a_year(told: str) -> None:
    who = identity.of_user(staff("viewer"))
    for days in (364, 366):
        access.record(who, f"{days}", told)
        AccessRecord.objects.filter(what=days).update(at=timezone.now() - timedelta(days=days))
    next(job for job in JOBS if job.name == "prune").work()
    assert [what for _, _, what, _ in records()] == ["364"]


def test_whoever_prunes_by_cron_prunes_them_too(told: str) -> None:
    access.record(identity.of_user(staff("viewer")), "run", told)
    AccessRecord.objects.update(at=timezone.now() - timedelta(days=366))
    printed("prune_events")
    assert records() == []


# Keys in the admin ----------------------------------------------------------------------------------------------------


@pytest.fixture
def root(db: None) -> Client:
    return signed_in(User.objects.create_superuser("root"))


def made(browser: Client, **fields: Any) -> Any:
    return browser.post(f"{KEYS}add/", {"name": "importer", **fields})


def test_a_new_key_is_shown_once(root: Client, alice: User) -> None:
    page = made(root, may_emit="on")
    secret = page.context["secret"]
    assert f"<code data-secret>{secret}</code>" in page.content.decode()
    assert "no-store" in page.headers["Cache-Control"]
    assert Api(token=secret).post("/api/events/", EVENT).status_code == 200
    key = ServiceKey.objects.get()
    later = [root.get(path).content.decode() for path in (KEYS, f"{KEYS}{key.pk}/change/", "/admin/")]
    assert [text for text in later if secret in text or key.hash in text] == []
    assert secret not in str(root.cookies)


def test_what_a_key_is_for_is_checked(root: Client, alice: User) -> None:
    made(root, types="agent_started, agent_completed", users="alice", rate=7)
    key = ServiceKey.objects.get()
    assert (key.types, key.users, key.rate) == (["agent_started", "agent_completed"], [key_of(alice)], 7)
    for wrong in ({"types": "agent_strated"}, {"users": "nobody"}, {"rate": 0}, {"rate": -1}, {"name": ""}):
        assert made(root, **wrong).context["errors"]
    assert ServiceKey.objects.count() == 1


def test_nobody_gives_away_what_they_may_not_do() -> None:
    browser = signed_in(staff("maker", "add_servicekey", "view_servicekey"))
    assert made(browser, may_emit="on").context["errors"]
    assert made(browser, may_read="on").context["errors"]
    assert made(browser).context["secret"]


def test_a_key_is_revoked_in_the_admin(root: Client) -> None:
    secret = made(root, may_emit="on").context["secret"]
    root.post(KEYS, {"action": "revoke", "_selected_action": [ServiceKey.objects.get().pk]})
    assert_problem(Api(token=secret).post("/api/events/", EVENT), "key_revoked")
    assert "Revoked." in root.get(f"{KEYS}{ServiceKey.objects.get().pk}/history/").content.decode()


def test_who_may_only_look_makes_and_revokes_none(root: Client) -> None:
    made(root)
    viewer = signed_in(staff("viewer", "view_servicekey"))
    assert made(viewer).status_code == 403
    viewer.post(KEYS, {"action": "revoke", "_selected_action": [ServiceKey.objects.get().pk]})
    assert ServiceKey.objects.get().revoked_at is None


def test_a_key_is_never_changed_or_deleted(root: Client) -> None:
    made(root)
    path = f"{KEYS}{ServiceKey.objects.get().pk}"
    assert root.post(f"{path}/change/", {"name": "other"}).status_code == 403
    assert root.post(f"{path}/delete/", {"post": "yes"}).status_code == 403
