"""Phase 2: one emitter is the single source, whichever old face is called."""

from collections import Counter

import pytest

from tests.processes import Daphne
from tests.sockets import connect, emit_there
from tests.streams import texts

from .audience import act, events_of, sightings, watch
from .faults import STORY, all_of, each_once, in_order, one_source, only_of
from .tellings import CALLS

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 3


async def test_only_unified_emitter_sends_events(daphne: Daphne, users: list[str]) -> None:
    """Four runs at once, each by another face: every event at the socket is the emitter's, numbered and stored."""
    user, runs = users[0], [f"run-{face}" for face in CALLS]
    async with connect(daphne, user) as client:
        told = await act(daphne, "runs", told=[(face, user, run) for face, run in zip(CALLS, runs, strict=True)])
        await client.until(told)
    seen = sightings(client)
    for check in (each_once, one_source, in_order):
        check(seen)
    all_of(seen, runs)
    assert client.applied == await texts(user)
    assert Counter(sighting.source for sighting in seen) == dict.fromkeys(CALLS, len(STORY))


async def test_all_critical_events_delivered_reliably(daphne: Daphne, users: list[str]) -> None:
    """Three rounds, and in each the connection is cut after the second of the five events."""
    user, seen, place = users[0], [], {"after": 0}
    for number in range(ROUNDS):
        told = [("agent_websocket_bridge", user, f"run-{number}")]
        async with connect(daphne, user, **place) as client:
            await client.until(5 * number)
            await act(daphne, "runs", told=told, moments=STORY[:2])
            await client.until(5 * number + 2)
        seen += sightings(client)
        place = {"after": client.position, "epoch": client.epoch}
        await act(daphne, "runs", told=told, moments=STORY[2:])
    async with connect(daphne, user, **place) as client:
        await client.until(5 * ROUNDS)
    seen += sightings(client)
    assert Counter(sighting.type for sighting in seen) == dict.fromkeys(STORY, ROUNDS)
    in_order(seen)


async def test_unified_emitter_performance_maintained(daphne: Daphne, users: list[str]) -> None:
    """A hundred events by one caller, each once and in its order; how fast is measured by ``make bench``."""
    user = users[0]
    seen = await watch(daphne, [user], 100)
    assert [event["payload"]["step_number"] for event in seen[user]] == list(range(1, 101))


async def test_emitter_consolidation_error_handling(daphne: Daphne, users: list[str]) -> None:
    """A payload that is no JSON, one too large, another's run, and a client gone without a word; then all is well."""
    user, other = users[:2]
    async with connect(daphne, user) as gone:
        gone._transport.transport.abort()
    codes = await act(daphne, "errors", user=user, other=other)
    assert codes == ["payload_not_json", "payload_too_large", "run_owned", "stored"]
    async with connect(daphne, user, after=0) as client, connect(daphne, other) as others:
        await client.until(2)
        await emit_there(daphne, other)
        await others.until(1)
    assert [event["type"] for event in events_of(client)] == ["agent_started", "agent_thinking"]
    only_of(user, sightings(client))
