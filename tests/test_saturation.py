"""More is offered than the process can take: who waits how long, in flushes, through the real emitter and log."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from emitter import log
from emitter.blocking import run
from emitter.context import RunContext
from emitter.events import AgentCompleted, AgentStarted, AgentThinking
from emitter.log.entry import Unit
from emitter.log.verify import faults_of
from emitter.policy import tiers
from emitter.policy.users import key_of
from emitter.service import Receipt, emitter
from emitter.service.fair import most_flushes
from emitter.service.turn import Turn

from .conftest import Configure, person

pytestmark = pytest.mark.django_db(transaction=True)
FLUSH, QUEUE, ROUNDS = 10, 60, 12


class Gate:
    """Holds each commit until it is let through; counts the flushes that a turn sees begin while it is in line."""

    def __init__(self, commit: Callable[[Sequence[Unit]], Any]) -> None:
        self._commit = commit
        self._open = threading.Semaphore(0)
        self._reached = threading.Semaphore(0)
        self.flushes: Counter[Turn] = Counter()
        self.number = 0
        self.sizes: list[int] = []
        self.flush_of: dict[tuple[str, str, str], int] = {}

    def __call__(self, units: Sequence[Unit]) -> Any:
        entries = [entry for unit in units for entry in unit.entries]
        self.number += 1
        self.sizes.append(len(entries))
        self.flush_of |= {(entry.stream, entry.run, entry.type): self.number for entry in entries}
        with emitter._group._queue.lock:
            self.flushes.update(emitter._group._queue)
        self._reached.release()
        assert self._open.acquire(timeout=30)
        return self._commit(units)

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._reached.acquire, timeout=30)

    def open(self, commits: int = 1) -> None:
        self._open.release(commits)


@pytest.fixture
def gate(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """The emitter with small flushes, a small queue and a gate; a user's first name says the tier."""
    configure(
        TIERS={"free": {}, "enterprise": {"weight": 8}},
        TIER_OF="first_name",
        FLUSH_EVENTS=FLUSH,
        QUEUE_EVENTS=QUEUE,
        EMIT_DEADLINE=60,
        TIER_SECONDS=600,
    )
    gate = Gate(emitter._group._carrier._commit)
    monkeypatch.setattr(emitter._group._carrier, "_commit", gate)
    return gate


def users(tier: str, number: int) -> list[str]:
    keys = []
    for place in range(number):
        user = person(f"{tier}{place}")
        user.first_name = tier
        user.save()
        keys.append(key_of(user))
    tiers.learn(keys)
    return keys


async def whole_run(key: str, run_id: str) -> list[Receipt]:
    """Three critical events, each after the one before is stored."""
    context = RunContext(key, run_id=run_id)
    return [await emitter.aemit(context, event) for event in (AgentStarted(), AgentThinking("Hm"), AgentCompleted())]


async def saturate(gate: Gate, free: list[str], dear: list[str]) -> tuple[list[Receipt], list[int]]:
    """In each flush free users begin five times what it takes, and one dear user emits one event.

    Returns all receipts of the free, and what each event of the dear waited, in flushes.
    """
    runs = [asyncio.create_task(whole_run(free[0], "first"))]
    emits = []
    for turn in range(ROUNDS):
        await gate.reached()
        runs += [asyncio.create_task(whole_run(free[n % len(free)], f"{turn}.{n}")) for n in range(5 * FLUSH)]
        context = RunContext(dear[turn % len(dear)], run_id=f"dear {turn}")
        emits.append((context, gate.number, asyncio.create_task(emitter.aemit(context, AgentThinking("Hm")))))
        await asyncio.sleep(0)
        gate.open()
    gate.open(10_000)
    receipts = [receipt for done in await asyncio.gather(*runs) for receipt in done]
    await asyncio.gather(*(emit for _, _, emit in emits))
    waited = [gate.flush_of[c.user_id, c.run_id, "agent_thinking"] - begun for c, begun, _ in emits]
    return receipts, waited


async def test_under_a_flood_of_free_traffic(gate: Gate) -> None:
    free, dear = await run(users, "free", 8), await run(users, "enterprise", 3)
    receipts, waited = await saturate(gate, free, dear)
    assert waited == [1] * ROUNDS  # The one under way when it came, and no other.
    assert max(gate.flushes.values()) <= most_flushes(QUEUE, FLUSH, weights=2)
    assert max(gate.sizes) == FLUSH
    assert len(receipts) == 3 * (1 + ROUNDS * 5 * FLUSH)
    assert None not in [receipt.seq for receipt in receipts]
    for key in [*free, *dear]:
        assert (await run(faults_of, key)).faults == []
        assert await run(disorder, key) == []


def disorder(key: str) -> list[str]:
    """Runs whose three events are not stored in their order."""
    types: dict[str, list[str]] = {}
    after = 0
    while page := log.read_after(key, after):
        for stored in page:
            event = msgspec.json.decode(stored.body)
            types.setdefault(event["run_id"], []).append(event["type"])
        after = page[-1].seq
    story = ["agent_started", "agent_thinking", "agent_completed"]
    return [name for name, told in types.items() if told != story and not name.startswith("dear")]
