"""HTTP, with Django's own test client: who may do what, and how an error is said."""

import time
from typing import Any

import jwt
import msgspec
import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from uuid_utils.compat import uuid7

from emitter.context import RunContext
from emitter.errors import CODES
from emitter.events import AgentCompleted, AgentStarted, AgentThinking
from emitter.models import Event, Run
from emitter.policy.identity import create_token
from emitter.policy.users import key_of
from emitter.service import emitter

pytestmark = pytest.mark.django_db(transaction=True)
EVENT = {"user": "alice", "run": "r", "type": "agent_thinking", "payload": {"thought": "Hm"}}


class Api:
    """A client with a bearer token, or none; answers are decoded."""

    def __init__(self, user: User | None = None, *, emit: bool = False, token: str = "") -> None:
        token = token or (create_token(key_of(user), seconds=60, emit=emit) if user else "")
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, **query: Any) -> Any:
        return self._answer(Client().get(path, query, headers=self.headers))

    def post(self, path: str, body: Any = None) -> Any:
        data = body if isinstance(body, bytes) else msgspec.json.encode({} if body is None else body)
        return self._answer(Client().post(path, data, content_type="application/json", headers=self.headers))

    def _answer(self, response: Any) -> Any:
        response.data = msgspec.json.decode(response.content)
        return response


@pytest.fixture
def producer(bob) -> Api:
    return Api(bob, emit=True)


def assert_problem(response: Any, code: str) -> None:
    assert response.headers["Content-Type"] == "application/problem+json"
    assert (response.data["code"], response.status_code) == (code, CODES[code].status)
    assert response.data["detail"]


# Emitting -------------------------------------------------------------------------------------------------------------


def test_one_event_answers_with_its_receipt(producer, alice) -> None:
    response = producer.post("/api/events/", EVENT)
    row = Event.objects.get(stream=key_of(alice))
    assert response.status_code == 200
    assert (response.data["seq"], response.data["event_id"]) == (1, str(row.event_id))
    assert response.data["duplicate"] is False


def test_a_list_and_lines_answer_with_an_outcome_each(producer, alice) -> None:
    bad = {**EVENT, "type": "agent_strated"}
    for body in (msgspec.json.encode([EVENT, bad, EVENT]), b"\n".join(map(msgspec.json.encode, [EVENT, bad, EVENT]))):
        response = producer.post("/api/events/", body)
        first, second, third = response.data["receipts"]
        assert response.status_code == 200
        assert (second["index"], second["code"]) == (1, "unknown_type")
        assert third["seq"] == first["seq"] + 1


def test_a_repeated_id_answers_the_same(producer, alice) -> None:
    item = {**EVENT, "event_id": str(uuid7())}
    first, again = producer.post("/api/events/", item).data, producer.post("/api/events/", item).data
    assert (again["seq"], again["event_id"], again["duplicate"]) == (first["seq"], item["event_id"], True)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{not json", "broken_json"),
        (b"", "broken_json"),
        (b"[1, 2", "broken_json"),
        (b"7", "bad_request"),
        ({**EVENT, "user": "nobody"}, "unknown_user"),
        ({**EVENT, "user": 7}, "bad_field"),
        ({**EVENT, "tier": "enterprise"}, "bad_field"),
        ({**EVENT, "type": "nonsense"}, "unknown_type"),
        ({**EVENT, "run": "nul\x00"}, "bad_id"),
        ({**EVENT, "payload": [1]}, "payload_not_object"),
        ({**EVENT, "payload": {"x": "y" * 70_000}}, "payload_too_large"),
        (b'{"user":"alice","run":"r","type":"agent_thinking","payload":{"n":NaN}}', "payload_not_finite"),
        (b'{"user":"alice","run":"r","type":"agent_thinking","payload":{"s":"\\ud83d"}}', "payload_bad_text"),
        (b'{"user":"alice","run":"r","type":"agent_thinking","payload":' + b'{"a":' * 200 + b"1" + b"}" * 201,
         "payload_too_deep"),
        (b"[" * 100_000, "payload_too_deep"),
        ({**EVENT, "event_id": "7"}, "bad_event_id"),
    ],
)  # fmt: skip
def test_bad_input_is_a_problem_with_a_code(producer, alice, body, code) -> None:
    assert_problem(producer.post("/api/events/", body), code)
    assert not Event.objects.exists()


def test_too_many_in_one_request(producer, alice) -> None:
    assert_problem(producer.post("/api/events/", [EVENT] * 1_001), "batch_too_large")


def test_emitting_takes_the_permission(alice, bob) -> None:
    assert_problem(Api(alice).post("/api/events/", EVENT), "forbidden")
    assert_problem(Api().post("/api/events/", EVENT), "not_authenticated")
    bob.user_permissions.add(Permission.objects.get(codename="emit_event"))
    session = Client()
    session.force_login(bob)
    assert session.post("/api/events/", EVENT, content_type="application/json").status_code == 200


def forged(**changes: Any) -> str:
    claims = {"sub": "1", "exp": int(time.time()) + 60, "emit": True}
    return jwt.encode(claims, changes.pop("key", "x" * 40), **{"algorithm": "HS256", **changes})


@pytest.mark.parametrize("token", ["nonsense", forged(), forged(algorithm="none", key=None), "a.b.c"])
def test_a_forged_token_is_nobody(alice, token) -> None:
    assert_problem(Api(token=token).post("/api/events/", EVENT), "not_authenticated")


def test_an_expired_token_and_one_of_a_user_who_is_gone(alice) -> None:
    assert_problem(Api(token=create_token(key_of(alice), seconds=-1)).get("/api/events/"), "token_expired")
    alice.is_active = False
    alice.save()
    assert_problem(Api(alice).get("/api/events/"), "not_authenticated")


def test_a_session_needs_its_csrf_token(alice) -> None:
    session = Client(enforce_csrf_checks=True)
    session.force_login(alice)
    refused = session.post("/api/tickets/")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    session.cookies["csrftoken"] = token = "t" * 32
    assert session.post("/api/tickets/", headers={"X-CSRFToken": token}).status_code == 200


def test_a_method_that_a_path_lacks(alice) -> None:
    assert_problem(Api(alice).get("/api/tickets/"), "method_not_allowed")


# Reading --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def told(alice, bob) -> str:
    """Ten events of alice in two runs, three of bob."""
    key = key_of(alice)
    for number in range(10):
        emitter.emit(RunContext(key, run_id=f"run-{number % 2}"), AgentThinking("t", number))
    for _ in range(3):
        emitter.emit(RunContext(key_of(bob), run_id="of-bob"), AgentStarted())
    return key


def test_history_in_pages(told, alice) -> None:
    api, seen, after = Api(alice), [], 0
    while True:
        page = api.get("/api/events/", after=after, limit=4).data
        seen += [event["seq"] for event in page["events"]]
        assert (page["head"], type(page["next_after"])) == (10, int)
        if page["next_after"] == page["head"]:
            break
        after = page["next_after"]
    assert seen == list(range(1, 11))


def test_history_by_run_and_type(told, alice) -> None:
    api = Api(alice)
    page = api.get("/api/events/", run_id="run-1").data
    assert [event["seq"] for event in page["events"]] == [2, 4, 6, 8, 10]
    assert api.get("/api/events/", type="agent_started").data["events"] == []
    assert api.get("/api/events/", run_id="of-bob").data["events"] == []


def test_the_same_bytes_as_stored(told, alice) -> None:
    content = Client().get("/api/events/?limit=1", headers=Api(alice).headers).content.decode()
    assert Event.objects.get(stream=told, seq=1).body in content


def test_limits_are_lowered_and_nonsense_is_refused(told, alice) -> None:
    api = Api(alice)
    assert len(api.get("/api/events/", limit=999_999).data["events"]) == 10
    assert_problem(api.get("/api/events/", after="-1"), "bad_request")
    assert api.get("/api/events/", after=99).data["next_after"] == 10


def test_an_empty_history_names_an_epoch(alice) -> None:
    page = Api(alice).get("/api/events/").data
    assert (page["events"], page["head"], page["next_after"]) == ([], 0, 0)
    assert len(page["epoch"]) == 36


# Runs and tickets -----------------------------------------------------------------------------------------------------


def test_runs_newest_first_with_their_questions(alice) -> None:
    for run, question in (("first", "Why?"), ("second", "How?")):
        emitter.emit(RunContext(key_of(alice), run_id=run), AgentStarted(question))
    emitter.emit(RunContext(key_of(alice), run_id="first"), AgentCompleted("so"))
    runs = Api(alice).get("/api/runs/").data["runs"]
    assert [(run["run_id"], run["state"], run["question"]) for run in runs] == [
        ("second", "running", "How?"),
        ("first", "completed", "Why?"),
    ]
    one = Api(alice).get("/api/runs/first/").data
    assert [event["type"] for event in one["timeline"]] == ["agent_started", "agent_completed"]


def test_anothers_run_is_not_there_except_for_staff(alice, bob) -> None:
    emitter.emit(RunContext(key_of(alice), run_id="r"), AgentStarted())
    assert_problem(Api(bob).get("/api/runs/r/"), "not_found")
    assert_problem(Api(bob).post("/api/runs/r/cancel/"), "not_found")
    assert Run.objects.get(id="r").state == "running"
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    bob.user_permissions.add(Permission.objects.get(codename="view_event"))
    assert Api(bob).get("/api/runs/r/").data["run_id"] == "r"
    assert Api(bob).post("/api/runs/r/cancel/").data["state"] == "cancelled"


def test_a_run_without_a_producer_here_is_ended_all_the_same(alice) -> None:
    emitter.emit(RunContext(key_of(alice), run_id="r"), AgentStarted())
    assert Api(alice).post("/api/runs/r/cancel/").data["state"] == "cancelled"
    assert Event.objects.filter(run="r", type="agent_completed").count() == 1
    assert Api(alice).post("/api/runs/r/cancel/").data["last_seq"] == 2
    assert Event.objects.filter(run="r").count() == 2


@pytest.mark.parametrize("body", [{}, {"message": " "}, {"message": 7}, {"message": "x", "thread_id": 7}, {"x": 1}, []])
def test_a_question_is_a_text(alice, body) -> None:
    assert_problem(Api(alice).post("/api/runs/", body), "bad_request")


def test_an_agent_that_cannot_be_loaded_says_so(alice, settings) -> None:
    settings.EMITTER = {"AGENT": "nowhere.Agent"}
    assert_problem(Api(alice).post("/api/runs/", {"message": "x"}), "agent_unavailable")


def test_a_ticket_is_good_for_thirty_seconds(alice) -> None:
    issued = Api(alice).post("/api/tickets/").data
    assert issued["expires_in"] == 30
    assert len(issued["ticket"]) > 40


# Health ---------------------------------------------------------------------------------------------------------------


def test_alive_and_ready(patiently_asked) -> None:
    assert Api().get("/healthz").data == {"status": "ok"}
    ready = Api().get("/readyz")
    assert (ready.status_code, ready.data["log"], ready.data["bell"]) == (200, "ok", "ok")
    assert ready.data["spool"] == {"away": False, "waiting": 0, "set_aside": 0}


@pytest.mark.scaled
def test_not_ready_without_the_database(postgres_server) -> None:
    postgres_server.stop()
    ready = Api().get("/readyz")
    assert (ready.status_code, ready.data["status"]) == (503, "unavailable")
    assert ready.data["log"].startswith("unreachable")


@pytest.mark.scaled
def test_without_the_bell_it_is_ready_and_says_so(redis_server, patiently_asked) -> None:
    redis_server.stop()
    ready = Api().get("/readyz")
    assert ready.status_code == 200
    assert ready.data["bell"].startswith("unreachable")
