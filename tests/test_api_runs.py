"""``/api/runs/``: asking, looking at runs, and who may stop one."""

import asyncio
import threading
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import AsyncClient, Client

from emitter.context import RunContext
from emitter.events import AgentCompleted, AgentError, AgentStarted, AgentThinking, Usage
from emitter.models import Event
from emitter.policy.identity import create_token
from emitter.policy.users import key_of
from emitter.service import AsyncRun, emitter
from emitter.testing import EventsClient, aassert_emitted

from .conftest import Configure
from .test_api import Api, assert_problem

pytestmark = pytest.mark.django_db(transaction=True)


class Parrot:
    """An agent that says what it was asked."""

    async def answer(self, question: str, run: AsyncRun) -> str:
        return question


class Sleeper:
    """An agent that works until it is stopped."""

    stopped = threading.Event()

    async def answer(self, question: str, run: AsyncRun) -> None:
        try:
            await run.thinking("I am at it")
            await asyncio.Event().wait()
        finally:
            self.stopped.set()


class Clumsy:
    """An agent that fails."""

    async def answer(self, question: str, run: AsyncRun) -> None:
        raise ValueError("the ledger is upside down")


class Asking:
    """A user who asks an agent of this module."""

    def __init__(self, user: User, configure: Configure, agent: type) -> None:
        configure(AGENT=f"{__name__}.{agent.__name__}")
        self.headers = {"Authorization": f"Bearer {create_token(key_of(user), seconds=60)}"}

    async def post(self, path: str, **body: Any) -> Any:
        return await AsyncClient().post(path, body, content_type="application/json", headers=self.headers)

    async def ask(self, message: str, **fields: Any) -> dict[str, Any]:
        response = await self.post("/api/runs/", message=message, **fields)
        assert response.status_code == 202
        return response.json()


# Asking ---------------------------------------------------------------------------------------------------------------


async def test_a_question_starts_the_configured_agent(alice, configure) -> None:
    async with EventsClient(alice) as events:
        asked = await Asking(alice, configure, Parrot).ask("  Why?\n")
        started, completed = await events.receive_event(), await events.receive_event()
    assert (started.type, started.payload["message"], started.run) == ("agent_started", "Why?", asked["run_id"])
    assert completed.payload["result"] == {"answer": "Why?"}
    assert completed.payload["status"] == "completed"


async def test_the_run_has_started_when_the_answer_comes(alice, configure) -> None:
    asking = Asking(alice, configure, Sleeper)
    run = (await asking.ask("Why?"))["run_id"]
    await aassert_emitted("agent_started", run=run)
    assert (await asking.post(f"/api/runs/{run}/cancel/")).json()["state"] == "cancelled"


async def test_a_thread_is_kept_or_made(alice, configure) -> None:
    asking = Asking(alice, configure, Parrot)
    async with EventsClient(alice) as events:
        assert (await asking.ask("Why?", thread_id="thread-7"))["thread_id"] == "thread-7"
        assert (await events.receive_event("agent_completed")).thread == "thread-7"
        first, second = await asking.ask("Why?"), await asking.ask("Why?", thread_id=None)
        assert first["thread_id"] != second["thread_id"]
        await events.receive_event("agent_completed")
        await events.receive_event("agent_completed")


async def test_an_agent_that_fails_ends_its_run_with_the_error(alice, configure) -> None:
    async with EventsClient(alice) as events:
        await Asking(alice, configure, Clumsy).ask("Why?")
        error = await events.receive_event("agent_error")
    assert error.payload["error_type"] == "ValueError"
    assert error.payload["error_message"] == "the ledger is upside down"


async def test_stopping_ends_the_agents_work(alice, configure) -> None:
    asking = Asking(alice, configure, Sleeper)
    Sleeper.stopped.clear()
    async with EventsClient(alice) as events:
        run = (await asking.ask("Why?"))["run_id"]
        await events.receive_event("agent_thinking")
        stopped = (await asking.post(f"/api/runs/{run}/cancel/")).json()
        assert (stopped["state"], stopped["last_seq"]) == ("cancelled", 3)
        assert await asyncio.to_thread(Sleeper.stopped.wait, 60)
        assert (await events.receive_event("agent_completed")).payload["status"] == "cancelled"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"message": "x" * 20_001}, "bad_request"),
        ({"message": "x", "thread_id": ""}, "bad_id"),
        ({"message": "x", "thread_id": "nul\x00"}, "bad_id"),
        ({"message": "\N{GRINNING FACE}" * 20_000}, "payload_too_large"),
        (b'{"message": "\\ud83d"}', "bad_request"),
        (b"[" * 100_000, "bad_request"),
        (b"\xff", "bad_request"),
        (b" " * 2_700_000, "payload_too_large"),
    ],
)
def test_a_question_that_cannot_be_asked_starts_nothing(alice, body, code) -> None:
    assert_problem(Api(alice).post("/api/runs/", body), code)
    assert Api(alice).get("/api/runs/").data == {"runs": []}


def test_nobody_asks_and_a_session_needs_its_csrf_token(alice) -> None:
    assert_problem(Api().post("/api/runs/", {"message": "Why?"}), "not_authenticated")
    session = Client(enforce_csrf_checks=True)
    session.force_login(alice)
    assert session.post("/api/runs/", {"message": "Why?"}, content_type="application/json").status_code == 403
    assert not Event.objects.exists()


# Looking --------------------------------------------------------------------------------------------------------------


def tell(user: User, run: str, *events: Any) -> None:
    emitter.emit_many([(RunContext(key_of(user), thread_id="t", run_id=run, agent_name="analyst"), e) for e in events])


def test_one_run_with_all_that_is_known_of_it(alice) -> None:
    tell(alice, "r", AgentStarted("Why?"), AgentThinking("Hm"), AgentError("no ledger"))
    run = Api(alice).get("/api/runs/r/").data
    assert (run["run_id"], run["thread_id"], run["agent_name"]) == ("r", "t", "analyst")
    assert (run["question"], run["first_seq"], run["last_seq"]) == ("Why?", 1, 3)
    assert run["state"] == "failed"
    assert [event["seq"] for event in run["timeline"]] == [1, 2, 3]


def test_a_run_tells_what_it_took_to_the_last_digit(alice) -> None:
    uses = [Usage("gpt-5", 1, 0), Usage("in-house", 7)]
    tell(alice, "r", AgentThinking("Hm", usage={"calls": uses}), AgentThinking("Hm", usage=Usage("gpt-5", 811, 64)))
    tell(alice, "free", AgentThinking("Hm"))
    run, listed = Api(alice).get("/api/runs/r/").data, Api(alice).get("/api/runs/").data["runs"]
    used = {"input_tokens": 812, "output_tokens": 64, "cost_usd": "0.001655000000", "unpriced_calls": 0}
    house = {"input_tokens": 7, "output_tokens": 0, "cost_usd": None, "unpriced_calls": 1}
    assert run["models"] == [{"model": "gpt-5", **used}, {"model": "in-house", **house}]
    assert (run["input_tokens"], run["cost_usd"], run["unpriced_calls"]) == (819, "0.001655000000", 1)
    assert [(one["input_tokens"], one["cost_usd"]) for one in listed] == [(0, None), (819, "0.001655000000")]


def test_a_running_run_has_no_end_yet(alice) -> None:
    tell(alice, "r", AgentThinking("Hm"))
    run = Api(alice).get("/api/runs/r/").data
    assert (run["state"], run["last_seq"], run["ended_at"], run["question"]) == ("running", None, None, None)


def test_the_list_is_ones_own_even_for_staff(alice, bob) -> None:
    tell(alice, "of-alice", AgentStarted())
    tell(bob, "of-bob", AgentStarted())
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    assert [run["run_id"] for run in Api(bob).get("/api/runs/").data["runs"]] == ["of-bob"]


@pytest.mark.parametrize(("limit", "number"), [(None, 20), (0, 1), (3, 3), (999, 100)])
def test_the_list_has_twenty_and_a_hundred_at_most(alice, limit, number) -> None:
    for run in range(101):
        tell(alice, f"run-{run}", AgentStarted())
    query = {} if limit is None else {"limit": limit}
    runs = Api(alice).get("/api/runs/", **query).data["runs"]
    assert [run["run_id"] for run in runs] == [f"run-{100 - place}" for place in range(number)]


@pytest.mark.parametrize("run", ["nowhere", "%00", "%ED%A0%80", "x" * 500])
def test_a_run_that_is_not_there(alice, run) -> None:
    assert_problem(Api(alice).get(f"/api/runs/{run}/"), "not_found")
    assert_problem(Api(alice).post(f"/api/runs/{run}/cancel/"), "not_found")


# Stopping -------------------------------------------------------------------------------------------------------------


def test_what_has_ended_stays_as_it_ended(alice) -> None:
    tell(alice, "r", AgentStarted(), AgentCompleted("so"))
    assert Api(alice).post("/api/runs/r/cancel/").data["state"] == "completed"
    assert Event.objects.count() == 2


def test_staff_stops_in_the_owners_stream(alice, bob) -> None:
    tell(alice, "r", AgentStarted())
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    Api(bob).post("/api/runs/r/cancel/")
    assert Event.objects.latest("seq").stream == key_of(alice)


def test_nobody_stops_and_a_session_needs_its_csrf_token(alice) -> None:
    tell(alice, "r", AgentStarted())
    assert_problem(Api().post("/api/runs/r/cancel/"), "not_authenticated")
    session = Client(enforce_csrf_checks=True)
    session.force_login(alice)
    assert session.post("/api/runs/r/cancel/").status_code == 403
    assert Event.objects.count() == 1
