"""Phase 3: nothing races any more. Order is a number, so no clock is asked."""

import pytest

from tests.processes import Daphne
from tests.sockets import connect

from .audience import act, audience, sightings, watch
from .faults import STORY, all_of, each_once, in_order, one_source, only_of
from .tellings import CALLS

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 5


async def test_zero_race_conditions_under_high_load(daphne: Daphne, users: list[str]) -> None:
    """Twenty users' agents start together with ten events each: each user has them in the order they were told in."""
    seen = await watch(daphne, users[:20], 10)
    steps = [[event["payload"]["step_number"] for event in events] for events in seen.values()]
    numbers = [[event["seq"] for event in events] for events in seen.values()]
    assert steps == numbers == [list(range(1, 11))] * 20


async def test_deterministic_event_ordering_maintained(daphne: Daphne, users: list[str]) -> None:
    """The same story in five rounds comes in the same order, and its numbers rise."""
    user, orders = users[0], []
    async with connect(daphne, user) as client:
        for number in range(ROUNDS):
            first = client.position
            told = await act(daphne, "runs", told=[("unified_emitter", user, f"run-{number}")])
            await client.until(first + told)
            orders.append([sighting.type for sighting in sightings(client)[first:]])
    assert orders == [list(STORY)] * ROUNDS
    assert client.seqs == list(range(1, ROUNDS * len(STORY) + 1))


async def test_no_timing_conflicts_in_rapid_succession(daphne: Daphne, users: list[str]) -> None:
    """A hundred events of one run as fast as they can be made: no two share a number, none passes another."""
    user = users[0]
    seen = await watch(daphne, [user], 100, many=10)
    assert [(event["seq"], event["payload"]["step_number"]) for event in seen[user]] == [
        (number, number) for number in range(1, 101)
    ]
    assert len({event["id"] for event in seen[user]}) == 100


async def test_concurrent_user_isolation_maintained(daphne: Daphne, users: list[str]) -> None:
    """Ten users, four runs each by four faces, all at once: everybody has all of theirs and nothing else."""
    users = users[:10]
    told = [(face, user, f"run-{user}-{face}") for user in users for face in CALLS]
    async with audience(daphne, users) as clients:
        await act(daphne, "runs", told=told)
        for user, client in clients.items():
            await client.until(len(CALLS) * len(STORY))
            seen = sightings(client)
            only_of(user, seen)
            for check in (each_once, one_source, in_order):
                check(seen)
            all_of(seen, [f"run-{user}-{face}" for face in CALLS])
