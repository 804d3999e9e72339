"""Phase 3: much of it, and for long. Here it is counted; rates and latencies are measured by ``make bench``."""

from typing import Any

import psutil
import pytest

from tests.processes import Daphne
from tests.sockets import connect

from .audience import act, watch

pytestmark = pytest.mark.django_db(transaction=True)
MIB = 2**20


async def test_high_throughput_event_processing(daphne: Daphne, users: list[str]) -> None:
    """Twenty thousand events: each arrives once and in the order it was told in, in less than 500 MB."""
    seen = await watch(daphne, users[:50], 400, many=20)
    assert all(in_told_order(events, 400) for events in seen.values())
    assert resident(daphne) < 500 * MIB


async def test_low_latency_event_delivery(daphne: Daphne, users: list[str]) -> None:
    """A thousand events one by one, and a hundred more, each told when the one before was seen: a bell brings them.

    Without bells each of the hundred would be found by a repair of its own.
    """
    user = users[0]
    seen = await watch(daphne, [user], 1_000)
    assert in_told_order(seen[user], 1_000)
    async with connect(daphne, user) as client:
        repairs = await act(daphne, "repairs")
        for _ in range(100):
            await act(daphne, "thoughts", users=[user], each=1)
            await client.until(client.position + 1)
        assert await act(daphne, "repairs") - repairs < 50


@pytest.mark.parametrize("number", [10, 25, 50, 100])
async def test_scalability_with_concurrent_users(daphne: Daphne, users: list[str], number: int) -> None:
    """However many users there are, nobody is short of anything."""
    seen = await watch(daphne, users[:number], 40)
    assert all(in_told_order(events, 40) for events in seen.values())


async def test_memory_efficiency_under_sustained_load(daphne: Daphne, users: list[str]) -> None:
    """As many events as two minutes at 500 a second have: less than 50 MB more, and less than 20 MB of it at last."""
    sizes = []
    for _ in range(4):
        seen = await watch(daphne, users[:50], 300, many=20)
        assert all(in_told_order(events, 300) for events in seen.values())
        sizes.append(resident(daphne))
    assert sizes[-1] - sizes[0] < 50 * MIB
    assert sizes[-1] - sizes[-2] < 20 * MIB


def in_told_order(events: list[dict[str, Any]], number: int) -> bool:
    """Whether a user's numbered thoughts are all there and stand as they were told."""
    return [event["payload"]["step_number"] for event in events] == list(range(1, number + 1))


def resident(server: Daphne) -> int:
    """Bytes of memory that a server holds."""
    return int(psutil.Process(server.process.pid).memory_info().rss)
