"""The event log in the admin."""

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from emitter.context import RunContext
from emitter.events import AgentThinking, Usage
from emitter.metering.rollup import roll_up
from emitter.models import Budget, Event
from emitter.service import emitter

LOG = "/admin/emitter/event/"


@pytest.fixture
def staff(db) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root", password="demo"))
    return client


@pytest.fixture
def told(alice, bob) -> None:
    """Sixty events of alice in two runs, and one of bob."""
    for number in range(60):
        context = RunContext(str(alice.pk), run_id=f"run-{number % 2}")
        emitter.emit(context, AgentThinking(f"thought <b>{number}</b>", number))
    emitter.emit(RunContext(str(bob.pk), run_id="bob-run"), AgentThinking("of bob"))


def shown(response) -> list[Event]:
    return list(response.context["cl"].result_list)


def test_newest_first_and_in_pages(staff, told) -> None:
    first, second = shown(staff.get(LOG)), shown(staff.get(f"{LOG}?p=2"))
    assert (len(first), len(second)) == (50, 11)
    ids = [event.pk for event in first + second]
    assert ids == sorted(ids, reverse=True)


def test_found_by_user_name_key_run_and_type(staff, told, bob) -> None:
    assert [event.run for event in shown(staff.get(f"{LOG}?user=bob"))] == ["bob-run"]
    assert [event.run for event in shown(staff.get(f"{LOG}?user={bob.pk}"))] == ["bob-run"]
    assert len(shown(staff.get(f"{LOG}?user=alice&run=run-1"))) == 30
    assert shown(staff.get(f"{LOG}?user=alice&type=agent_started")) == []
    assert shown(staff.get(f"{LOG}?run=nowhere")) == []


def test_it_never_counts_rows(staff, told) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert staff.get(LOG).status_code == 200
    assert [q["sql"] for q in queries if "emitter_event" in q["sql"] and "COUNT(" in q["sql"].upper()] == []


def test_one_event_is_readable_whole_and_inert(staff, told) -> None:
    page = staff.get(f"{LOG}{Event.objects.first().pk}/change/").content.decode()
    assert "thought &lt;b&gt;0&lt;/b&gt;" in page
    assert "<b>0</b>" not in page


def test_nothing_can_be_written(staff, told) -> None:
    event = Event.objects.first()
    assert staff.get(f"{LOG}add/").status_code == 403
    assert staff.post(f"{LOG}{event.pk}/change/", {"run": "mine"}).status_code == 403
    assert staff.post(f"{LOG}{event.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    "path", [LOG, *(f"/admin/emitter/{name}/" for name in ("run", "device", "dailyusage", "budget"))]
)
def test_staff_only(path, staff, alice) -> None:
    customer = Client()
    customer.force_login(alice)
    assert customer.get(path).status_code == 302
    assert staff.get(path).status_code == 200


def test_a_run_leads_to_its_events(staff, told) -> None:
    page = staff.get("/admin/emitter/run/").content.decode()
    assert 'href="/admin/emitter/event/?run=run-1"' in page
    assert len(shown(staff.get("/admin/emitter/event/?run=run-1"))) == 30


def test_runs_and_days_show_what_they_took(staff, told, alice) -> None:
    uses = [Usage("gpt-5", 812_000, 64_000), Usage("in-house", 7)]
    emitter.emit(RunContext(str(alice.pk), run_id="run-1"), AgentThinking("t", usage={"calls": uses}))
    roll_up(lambda _: "free")
    runs = staff.get("/admin/emitter/run/?user=alice").content.decode()
    assert "812,007 / 64,000" in runs
    assert "1.655000 (1 calls without a price)" in runs
    one = staff.get("/admin/emitter/run/run-1/change/").content.decode()
    assert "gpt-5: 812,000 / 64,000, 1.655000<br>in-house: 7 / 0, – (1 calls without a price)" in one
    assert "1.655000" in staff.get("/admin/emitter/dailyusage/?user=alice").content.decode()


def test_a_budget_is_set_for_a_user_who_exists(staff, alice) -> None:
    add = "/admin/emitter/budget/add/"
    assert staff.post(add, {"stream": "alice", "usd": "2.50", "per": "month"}).status_code == 302
    assert str(Budget.objects.get()) == f"{alice.pk} 2.50 USD per month"
    assert ">2.50<" in staff.get("/admin/emitter/budget/").content.decode()
    wrong = staff.post(add, {"stream": "nobody", "usd": "-1", "per": "year"}).context["adminform"].form.errors
    assert set(wrong) == {"stream", "usd", "per"}
    assert staff.post(f"/admin/emitter/budget/{alice.pk}/change/", {"usd": "3", "per": "day"}).status_code == 302
    assert str(Budget.objects.get()) == f"{alice.pk} 3.00 USD per day"


def test_an_event_tells_through_which_old_face_it_came(staff, alice) -> None:
    emitter.emit(RunContext(str(alice.pk), run_id="r", source="base_agent"), AgentThinking("t"))
    emitter.emit(RunContext(str(alice.pk), run_id="r"), AgentThinking("t"))
    assert [row.body.endswith('"source":"base_agent"}') for row in shown(staff.get(LOG))] == [False, True]
    assert 'class="field-source">base_agent<' in staff.get(LOG).content.decode()


def test_a_list_shows_ids_and_payloads_in_one_line_each(staff, alice) -> None:
    run = "run-01a20e2a-11a8-7648-a2d2-01d1594fab44"
    emitter.emit(RunContext(str(alice.pk), run_id=run, source="base_agent"), AgentThinking("t"))
    events, runs = (staff.get(f"/admin/emitter/{name}/").content.decode() for name in ("event", "run"))
    for page in (events, runs):
        assert f'<code title="{run}">run-01a2…594fab44</code>' in page
    assert f'href="?run={run}"' in events
    assert "<code>{&quot;thought&quot;:&quot;t&quot;}</code>" in events


@pytest.mark.parametrize(("name", "told"), [("event", "manage.py emit"), ("adaptermode", "unified until")])
def test_an_empty_list_says_what_would_fill_it(staff, name, told) -> None:
    page = staff.get(f"/admin/emitter/{name}/").content.decode()
    assert "Nothing to show." in page
    assert told in page
