"""Phase 1: four emitters at once. Each fault is forced, and must show."""

import asyncio

import pytest

from .competitors import Agent, Bridge, Threads, Unified, competitors, tell_all
from .faults import EventsDuplicated, EventsLost, RoutingLeaked, all_of, each_once, only_of
from .old_world import OldWorld

ROUNDS = 5


@pytest.mark.xfail(strict=True, raises=EventsDuplicated)
async def test_concurrent_emitter_usage_creates_race_conditions(world: OldWorld) -> None:
    """All four come with the start of one run before the first has the lock: the page is told of it four times."""
    at_the_lock = world.manager.hold("lock", "agent_started")
    async with world.page("alice") as page:
        telling = [
            asyncio.create_task(emitter.tell("agent_started")) for emitter in competitors(world, "alice", "run-1")
        ]
        await at_the_lock.reached(4)
        at_the_lock.open()
        await asyncio.gather(*telling)
        seen = await page.seen()
    assert len(seen) == 4
    each_once(seen)


@pytest.mark.xfail(strict=True, raises=EventsLost)
async def test_event_delivery_reliability_with_multiple_emitters(world: OldWorld) -> None:
    """Five rounds; in the third the page is away for a moment and comes back: a hundred events, and not one fewer."""
    runs = [f"run-{number}" for number in range(ROUNDS)]
    before, away, after = runs[:2], runs[2], runs[3:]
    async with world.page("alice") as page:
        for run in before:
            await tell_all(competitors(world, "alice", run))
        seen = await page.seen()
        await page.leave()
    await tell_all(competitors(world, "alice", away))
    async with world.page("alice") as page:
        for run in after:
            await tell_all(competitors(world, "alice", run))
        seen += await page.seen()
    all_of(seen, runs, times=4)


@pytest.mark.xfail(strict=True, raises=RoutingLeaked)
async def test_emitter_source_isolation_failure(world: OldWorld) -> None:
    """Two terminals name their runs alike in the same second: what Alice's agent tells, Bob reads."""
    threads, run = Threads(), "cli_20260101_120000_4711"
    async with world.page("alice", "thread_alice"), world.page("bob", "thread_bob") as page:
        for user in ("alice", "bob"):
            threads.register(run, f"thread_{user}")
        await tell_all([kind(world.manager, "alice", run, threads) for kind in (Bridge, Agent)])
        await tell_all([Unified(world.manager, "bob", run)])
        seen = await page.seen()
    only_of("bob", seen)
