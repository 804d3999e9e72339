"""The shape of the work, in exact numbers: commits, statements, bells, encodings, frames and thread hops.

Whoever makes one of these grow has to say so here.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from uuid_utils.compat import uuid7

from emitter import metrics
from emitter.bell import hub_here
from emitter.blocking import run
from emitter.context import RunContext
from emitter.cursor import Growth
from emitter.delivery import reception_here
from emitter.events import AgentCompleted, AgentThinking
from emitter.policy.users import key_of
from emitter.service import emitter

from .conftest import Configure, person
from .contention import leaders, until
from .sockets import Client, converse
from .streams import think

pytestmark = pytest.mark.django_db(transaction=True)

COUNTERS = {
    "commits": "emitter_commits_total",
    "bells": "emitter_bells_total",
    "encodes": "emitter_encodes_total",
    "frames": "emitter_frames_total",
    "hops": "emitter_thread_hops_total",
    "reads": "emitter_repairs_total",
}


@contextmanager
def work(**expected: int) -> Iterator[None]:
    """Asserts what the block costs; what is not named costs nothing."""
    before = {name: metrics.value(counter) for name, counter in COUNTERS.items()}
    yield
    spent = {name: int(metrics.value(counter) - before[name]) for name, counter in COUNTERS.items()}
    assert {name: number for name, number in spent.items() if number} == expected


@pytest.fixture(autouse=True)
def undisturbed(configure: Configure) -> None:
    """No look comes between, and what an earlier test began is done."""
    configure(REPAIR_SECONDS=3_600, REVIEW_SECONDS=3_600, USER_SECONDS=3_600)
    until(lambda: leaders() == 0)


class Ear:
    """Hears the bells of one stream."""

    def __init__(self) -> None:
        self.head = 0
        self._rung = asyncio.Event()

    def heard(self, growth: Growth) -> None:
        self.head = growth.head
        self._rung.set()

    async def hears_of(self, head: int) -> bool:
        """Whether the bell of this number comes; the first one after a restart of Redis is lost."""
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                while self.head < head:
                    await self._rung.wait()
                    self._rung.clear()
        return self.head >= head


@asynccontextmanager
async def live(*users: User) -> AsyncIterator[list[Client]]:
    """A client of each user that a bell has reached, and no bell is under way."""
    async with AsyncExitStack() as stack:
        clients: list[Client] = []
        for user in users:
            key, ear = key_of(user), Ear()
            client = await stack.enter_async_context(converse(key))
            await hub_here().join(key, ear)
            stack.push_async_callback(hub_here().leave, key, ear)
            while not await ear.hears_of(head := await think(key)):
                pass
            await client.until(head)
            clients.append(client)
        yield clients


# Statements -----------------------------------------------------------------------------------------------------------


def verbs(queries: CaptureQueriesContext) -> str:
    return " ".join(query["sql"].split()[0] for query in queries.captured_queries)


def context(user: User) -> RunContext:
    return RunContext(key_of(user), run_id=f"run of {user.pk}")


def test_one_event_takes_four_statements(alice: User) -> None:
    emitter.emit(context(alice), AgentThinking("Hm"))
    with CaptureQueriesContext(connection) as queries:
        emitter.emit(context(alice), AgentThinking("Ah"))
    assert verbs(queries) == "BEGIN SELECT SELECT INSERT UPDATE COMMIT"


def test_an_id_that_was_given_takes_one_more(alice: User) -> None:
    emitter.emit(context(alice), AgentThinking("Hm"))
    with CaptureQueriesContext(connection) as queries:
        emitter.emit(context(alice), AgentThinking("Ah"), event_id=uuid7())
    assert verbs(queries) == "BEGIN SELECT SELECT SELECT INSERT UPDATE COMMIT"


def test_the_end_of_a_run_takes_one_more(alice: User) -> None:
    emitter.emit(context(alice), AgentThinking("Hm"))
    with CaptureQueriesContext(connection) as queries:
        emitter.emit(context(alice), AgentCompleted("Because"))
    assert verbs(queries) == "BEGIN SELECT SELECT INSERT UPDATE UPDATE COMMIT"


def test_a_hundred_events_to_ten_users_take_hardly_more(db: None) -> None:
    items = [(context(person(f"user{number}")), AgentThinking("Hm")) for number in range(10)] * 10
    emitter.emit_many(items)
    with CaptureQueriesContext(connection) as queries:
        emitter.emit_many(items)
    insert = "COPY" if connection.vendor == "postgresql" else "INSERT INSERT INSERT INSERT"
    assert verbs(queries) == f"BEGIN SELECT SELECT {insert} UPDATE COMMIT"


# Bells, frames and hops -----------------------------------------------------------------------------------------------


async def test_one_event_to_one_session(alice: User) -> None:
    async with live(alice) as (client,):
        with work(commits=1, encodes=1, bells=1, frames=1, hops=1):
            await emitter.aemit(context(alice), AgentThinking("Hm"))
            await client.receive()


async def test_one_event_to_three_sessions_is_encoded_and_rung_once(alice: User) -> None:
    async with live(alice, alice, alice) as clients:
        await asyncio.gather(*[client.until(clients[-1].position) for client in clients])
        with work(commits=1, encodes=1, bells=1, frames=3, hops=1):
            await emitter.aemit(context(alice), AgentThinking("Hm"))
            await asyncio.gather(*[client.receive() for client in clients])


async def test_fifty_events_in_one_flush(alice: User) -> None:
    async with live(alice) as (client,):
        with work(commits=1, encodes=50, bells=1, frames=1, hops=1):
            await emitter.aemit_many([(context(alice), AgentThinking("Hm"))] * 50)
            await client.receive()


async def test_a_hundred_events_to_ten_users() -> None:
    ten = await users(10)
    async with live(*ten) as clients:
        with work(commits=1, encodes=100, bells=10, frames=10, hops=1):
            await emitter.aemit_many([(context(user), AgentThinking("Hm")) for user in ten] * 10)
            await asyncio.gather(*[client.receive() for client in clients])


async def users(number: int) -> list[User]:
    return [await run(person, f"user{index}") for index in range(number)]


async def test_a_session_opens_with_one_hop(alice: User) -> None:
    async with live(alice):
        with work(frames=1, hops=1):
            async with converse(key_of(alice)):
                pass


async def test_a_replay_of_a_thousand_events(alice: User) -> None:
    async with live(alice) as (client,):
        await client.until(await think(key_of(alice), 1_000 - client.position))
        with work(frames=1 + 5, hops=1 + 5, reads=5):
            async with converse(key_of(alice), after=0) as replayed:
                await replayed.until(1_000, ack=False)


async def test_a_look_at_the_log_for_all_sessions_is_one_hop() -> None:
    async with live(*await users(10)):
        with work(hops=1):
            await reception_here().look()
