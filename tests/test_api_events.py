"""``/api/events/``: what a body may be, what a repeated id answers, and how a history is read to its end."""

from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from uuid_utils.compat import uuid7

from emitter.context import RunContext
from emitter.events import AgentStarted, AgentThinking
from emitter.models import Event
from emitter.policy.identity import create_token
from emitter.policy.users import key_of
from emitter.service import emitter

from .test_api import EVENT, Api, assert_problem

pytestmark = pytest.mark.django_db(transaction=True)
LINES = "application/x-ndjson"


@pytest.fixture
def token(bob) -> str:
    """Of a producer that may emit for anybody."""
    return create_token(key_of(bob), seconds=60, emit=True)


def post(token: str, body: bytes, content_type: str = "application/json") -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    return Client().post("/api/events/", body, content_type=content_type, headers=headers)


def item(**changes: Any) -> bytes:
    return msgspec.json.encode({**EVENT, **changes})


def outcomes(response: Any) -> list[Any]:
    assert response.status_code == 200
    return [outcome.get("code", outcome.get("seq")) for outcome in response.json()["receipts"]]


# Emitting -------------------------------------------------------------------------------------------------------------


def test_lines_may_end_as_on_windows_and_stand_apart(token, alice) -> None:
    response = post(token, item() + b"\r\n\r\n" + item() + b"\r\n", LINES)
    assert outcomes(response) == [1, 2]


@pytest.mark.parametrize("bad", [b"{broken", b"[", b"\xff", b"7"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_bad_line_anywhere_leaves_the_others_alone(token, alice, bad, place) -> None:
    lines = [item(), item()]
    lines.insert(place, bad)
    receipts = post(token, b"\n".join(lines), LINES).json()["receipts"]
    assert [receipt.get("seq") for receipt in receipts if "code" not in receipt] == [1, 2]
    assert receipts[place]["code"] in ("broken_json", "bad_request")
    assert receipts[place]["index"] == place


def test_one_line_called_lines_answers_with_receipts(token, alice) -> None:
    assert outcomes(post(token, item() + b"\n", LINES)) == [1]
    assert post(token, item() + b"\n").json()["seq"] == 2


def test_an_indented_object_is_one_event(token, alice) -> None:
    assert post(token, msgspec.json.format(item(), indent=2)).json()["seq"] == 1


def test_an_empty_list_stores_nothing(token, alice) -> None:
    assert outcomes(post(token, b"[]")) == []


def test_a_reused_id_with_other_content_is_refused(token, alice) -> None:
    event_id = str(uuid7())
    assert post(token, item(event_id=event_id)).json()["seq"] == 1
    other = item(event_id=event_id, payload={"thought": "another"})
    response = post(token, other)
    assert (response.status_code, response.json()["code"]) == (409, "event_id_conflict")
    assert outcomes(post(token, b"[%b,%b]" % (other, item()))) == ["event_id_conflict", 2]


def test_a_repeat_within_one_request_is_stored_once(token, alice) -> None:
    twice = item(event_id=str(uuid7()))
    first, again = post(token, b"[%b,%b]" % (twice, twice)).json()["receipts"]
    assert [(one["seq"], one["duplicate"]) for one in (first, again)] == [(1, False), (1, True)]
    assert Event.objects.count() == 1


def test_anothers_run_takes_no_event(token, alice) -> None:
    emitter.emit(RunContext(key_of(alice), run_id="r"), AgentStarted())
    response = post(token, item(user="bob"))
    assert (response.status_code, response.json()["code"]) == (409, "run_owned")


def test_what_comes_after_the_end_is_kept_and_flagged(token, alice) -> None:
    receipts = post(token, b"[%b,%b]" % (item(type="agent_completed"), item())).json()["receipts"]
    assert [one["after_end"] for one in receipts] == [False, True]


def test_a_body_beyond_djangos_limit_says_which_setting(token, alice) -> None:
    response = post(token, b" " * 2_700_000)
    assert (response.status_code, response.json()["code"]) == (413, "payload_too_large")
    assert "DATA_UPLOAD_MAX_MEMORY_SIZE" in response.json()["detail"]


def test_a_thousand_in_one_request(token, alice) -> None:
    assert outcomes(post(token, b"\n".join([item()] * 1_000))) == list(range(1, 1_001))


def test_a_session_that_may_emit_needs_its_csrf_token_too(alice, bob) -> None:
    bob.user_permissions.add(Permission.objects.get(codename="emit_event"))
    session = Client(enforce_csrf_checks=True)
    session.force_login(bob)
    assert session.post("/api/events/", item(), content_type="application/json").status_code == 403
    assert not Event.objects.exists()
    session.cookies["csrftoken"] = token = "t" * 32
    sent = session.post("/api/events/", item(), content_type="application/json", headers={"X-CSRFToken": token})
    assert sent.json()["seq"] == 1


def test_a_bad_token_is_not_helped_by_a_session(alice) -> None:
    session = Client()
    session.force_login(alice)
    assert session.get("/api/events/").status_code == 200
    assert session.get("/api/events/", headers={"Authorization": "Bearer forged"}).status_code == 401


def test_an_expired_token_may_no_longer_emit(alice, bob) -> None:
    response = post(create_token(key_of(bob), seconds=-1, emit=True), item())
    assert (response.status_code, response.json()["code"]) == (401, "token_expired")


# Reading --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def told(alice) -> str:
    """1,005 events of alice; the first one is of a run and a type of its own."""
    key = key_of(alice)
    emitter.emit(RunContext(key, run_id="short"), AgentStarted())
    for number in (1_000, 4):
        emitter.emit_many([(RunContext(key, run_id="long"), AgentThinking("t", step)) for step in range(number)])
    return key


@pytest.mark.parametrize(("limit", "number"), [(None, 100), (0, 1), (1, 1), (1_000, 1_000), (1_001, 1_000)])
def test_a_page_has_a_hundred_and_a_thousand_at_most(told, alice, limit, number) -> None:
    query = {} if limit is None else {"limit": limit}
    page = Api(alice).get("/api/events/", **query).data
    assert [event["seq"] for event in page["events"]] == list(range(1, number + 1))
    assert (page["next_after"], page["head"]) == (number, 1_005)


@pytest.mark.parametrize("query", [{"run_id": "short"}, {"type": "agent_started"}])
def test_a_filtered_history_comes_to_its_end(told, alice, query) -> None:
    api, found, after, head = Api(alice), [], 0, 1_005
    while after < head:
        page = api.get("/api/events/", after=after, limit=10, **query).data
        assert page["next_after"] > after
        found += [event["seq"] for event in page["events"]]
        after = page["next_after"]
    assert (found, after) == ([1], head)


def test_a_session_reads_its_own_history_and_no_others(told, bob) -> None:
    session = Client()
    session.force_login(bob)
    page = session.get("/api/events/", {"run_id": "short"}).json()
    assert (page["events"], page["head"]) == ([], 0)


@pytest.mark.parametrize("query", ["after=x", "after=1.5", "after=%D9%A3", "after=" + "9" * 20, "limit=-1"])
def test_a_number_that_is_none_is_refused(alice, query) -> None:
    assert_problem(Api(alice).get(f"/api/events/?{query}"), "bad_request")


@pytest.mark.parametrize("query", ["run_id=%00", "type=%00", "run_id=" + "x" * 201])
def test_a_filter_that_no_id_can_match_is_refused(alice, query) -> None:
    assert_problem(Api(alice).get(f"/api/events/?{query}"), "bad_id")


def test_nobody_has_no_history(told) -> None:
    response = Api().get("/api/events/")
    assert_problem(response, "not_authenticated")
    assert response.headers["WWW-Authenticate"] == "Bearer"
