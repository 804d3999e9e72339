"""The modes and the differences in the admin."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from emitter.migration import history
from emitter.migration.compare import KINDS, Difference
from emitter.migration.differences import Found, store
from emitter.models import AccessRecord, AdapterMode, Mode, ShadowDifference

pytestmark = pytest.mark.django_db
MODES, DIFFERENCES = "/admin/emitter/adaptermode/", "/admin/emitter/shadowdifference/"
CHANGE = {"adapter": "unified_emitter", "mode": "legacy", "percent": "100", "reason": "a try"}


@pytest.fixture
def staff(django_user_model: Any, configure: Any) -> Client:
    configure(LEGACY_SENDERS={"unified_emitter": "tests.migration.senders.silent"})
    client = Client()
    client.force_login(django_user_model.objects.create_superuser("root", password="demo"))
    return client


@pytest.fixture
def differing(alice: Any) -> ShadowDifference:
    difference = Difference("field", "thought", "<b>old</b>", "new")
    side = {"thought": "<b>old</b>"}
    store([Found("base_agent", "emit_thinking", [difference], str(alice.pk), "run-19", [side], {"thought": "new"})])
    return ShadowDifference.objects.get()


def test_a_mode_is_changed_by_adding_to_the_history(staff: Client) -> None:
    assert staff.post(f"{MODES}add/", CHANGE).status_code == 302
    staff.post(f"{MODES}add/", {**CHANGE, "mode": "unified", "percent": "2.5"})
    setting = history.setting_of("unified_emitter")
    assert (str(setting), setting.by, setting.reason) == ("unified 2.5 %, else legacy", "root", "a try")
    assert "unified 2.5 %, else legacy" in staff.get(MODES).content.decode()


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"adapter": "base_agent"}, "base_agent has no old sender"),
        ({"adapter": "bridge"}, "Select a valid choice"),
        ({"mode": "off"}, "Select a valid choice"),
        ({"percent": "101"}, "less than or equal to 100"),
        ({"percent": "nan"}, "Enter a number"),
    ],
)
def test_what_cannot_be_set_says_why(wrong: dict[str, str], complaint: str, staff: Client) -> None:
    page = staff.post(f"{MODES}add/", {**CHANGE, **wrong})
    assert (page.status_code, complaint in page.content.decode()) == (200, True)
    assert not AdapterMode.objects.exists()


def test_who_was_too_late_is_told(staff: Client, monkeypatch: Any) -> None:
    checked = history.checked

    def slow(*change: Any) -> Any:
        setting = checked(*change)
        history.write(setting, by="somebody", reason="")
        return setting

    monkeypatch.setattr(history, "checked", slow)
    page = staff.post(f"{MODES}add/", CHANGE, follow=True)
    assert "was changed by somebody else just now" in page.content.decode()


def test_the_history_cannot_be_rewritten(staff: Client) -> None:
    history.change("unified_emitter", "legacy", by="alice")
    row = AdapterMode.objects.get()
    assert staff.get(f"{MODES}{row.pk}/change/").status_code == 200
    assert staff.post(f"{MODES}{row.pk}/change/", {**CHANGE, "mode": "unified"}).status_code == 403
    assert staff.post(f"{MODES}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert AdapterMode.objects.get().mode == Mode.LEGACY


def test_who_may_only_look_changes_nothing(alice: Any) -> None:
    alice.is_staff = True
    alice.save()
    alice.user_permissions.add(Permission.objects.get(codename="view_adaptermode"))
    client = Client()
    client.force_login(alice)
    assert client.get(MODES).status_code == 200
    assert client.post(f"{MODES}add/", CHANGE).status_code == 403


def test_both_sides_of_a_difference_are_shown_and_inert(staff: Client, differing: ShadowDifference) -> None:
    page = staff.get(f"{DIFFERENCES}{differing.pk}/change/").content.decode()
    assert "&lt;b&gt;old&lt;/b&gt;" in page
    assert "&quot;thought&quot;: &quot;new&quot;" in page
    assert "<b>old</b>" not in page


def test_each_look_at_a_difference_is_on_record(staff: Client, differing: ShadowDifference) -> None:
    assert "field thought" in staff.get(DIFFERENCES).content.decode()
    assert "field thought" in staff.get(f"{DIFFERENCES}{differing.pk}/change/").content.decode()
    looks = AccessRecord.objects.order_by("id").values_list("what", "stream")
    assert list(looks) == [("differences", ""), ("difference", differing.stream)]


def test_differences_cannot_be_written(staff: Client, differing: ShadowDifference) -> None:
    assert staff.get(f"{DIFFERENCES}add/").status_code == 403
    assert staff.post(f"{DIFFERENCES}{differing.pk}/change/", {"kind": "x"}).status_code == 403
    assert staff.post(f"{DIFFERENCES}{differing.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?user=alice", 1),
        ("?user=bob", 0),
        ("?kind=field", 1),
        ("?kind=user", 0),
        ("?adapter=base_agent&method=emit_thinking", 1),
        ("?adapter=unified_emitter", 0),
    ],
)
def test_differences_are_found(query: str, found: int, staff: Client, differing: ShadowDifference, bob: Any) -> None:
    page = staff.get(f"{DIFFERENCES}{query}")
    assert len(page.context["cl"].result_list) == found
    assert all(f"{kind}: {meaning}" in page.content.decode() for kind, meaning in KINDS.items())
