"""Phase 1: where events come from and where they go, with four emitters. Each fault is forced, and must show."""

import asyncio

import pytest

from .competitors import Bridge, Threads, Transparent, Unified, competitors, tell_all
from .faults import (
    STORY,
    EventsDuplicated,
    EventsLost,
    EventsReordered,
    RoutingLeaked,
    all_of,
    business_value,
    in_order,
    one_source,
    only_of,
)
from .old_world import OldWorld


@pytest.mark.xfail(strict=True, raises=EventsDuplicated)
async def test_multiple_sources_detected_for_critical_events(world: OldWorld) -> None:
    """Three sources (the agent tells through the bridge) for each of the five events."""
    async with world.page("alice") as page:
        await tell_all(competitors(world, "alice", "run-1"))
        seen = await page.seen()
    assert {sighting.type for sighting in seen} == set(STORY)
    one_source(seen)


@pytest.mark.xfail(strict=True, raises=RoutingLeaked)
async def test_event_routing_fails_with_source_confusion(world: OldWorld) -> None:
    """The bridge's events wait under the thread's id; who comes under that id gets them, and their owner does not."""
    threads = Threads()
    threads.register("run-1", "thread_7")
    async with world.page("alice") as page:
        await tell_all([Bridge(world.manager, "alice", "run-1", threads)])
        assert await page.seen() == []
    async with world.page("mallory", "thread_7") as other:
        only_of("mallory", await other.seen())


@pytest.mark.xfail(strict=True, raises=EventsReordered)
async def test_source_origin_tracking_fails_validation(world: OldWorld) -> None:
    """A socket goes between the check and the send; what waits to be sent again holds no place in line."""
    checked, waiting = (world.manager.hold(place, "agent_started") for place in ("check", "retry"))
    unified, transparent = Unified(world.manager, "alice", "run-1"), Transparent(world.manager, "alice", "run-1")
    async with world.page("alice") as page:
        starting = asyncio.create_task(unified.tell("agent_started"))
        await checked.reached()
        await page.leave()
    checked.open()
    await waiting.reached()
    async with world.page("alice") as page:
        await transparent.tell("agent_thinking")
        waiting.open()
        assert await starting
        seen = await page.seen()
    assert len(seen) == 2
    in_order(seen)


@pytest.mark.xfail(strict=True, raises=EventsLost)
async def test_business_value_degradation_with_source_confusion(world: OldWorld) -> None:
    """A page that reloads during the work never hears of the end, from the one emitter that knows the user."""
    unified = Unified(world.manager, "alice", "run-1")
    async with world.page("alice") as page:
        await unified.tell("agent_started")
        await unified.tell("agent_thinking")
        seen = await page.seen()
        await page.leave()
    answers = [await unified.tell(moment) for moment in STORY[2:]]
    async with world.page("alice") as page:
        seen = seen + await page.seen()
    assert (answers, business_value(seen)) == ([False] * 3, 40)
    all_of(seen, ["run-1"])
