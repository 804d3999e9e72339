"""The bell may be lost: whatever a layer does to messages, a client applies the log, once and in order."""

import asyncio
from typing import Any

import pytest
from channels.layers import get_channel_layer
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from emitter import blocking, metrics
from emitter.cursor import Growth
from emitter.delivery import Session
from emitter.log import open_stream

from .conftest import Configure
from .sockets import converse
from .streams import texts, think

pytestmark = pytest.mark.django_db(transaction=True)

parts = st.sampled_from([0.0, 0.2, 0.5, 1.0])


@pytest.fixture
def layer(settings: Any, configure: Configure) -> Any:
    """Sets the faults of the layer: ``layer(lose=0.5, seed=7)``."""
    configure(REPAIR_SECONDS=0.02)

    def faulty(**faults: Any) -> Any:
        backend = {"BACKEND": "tests.lossy_layer.LossyChannelLayer", "CONFIG": faults}
        settings.CHANNEL_LAYERS = {"default": backend}
        return get_channel_layer()

    return faulty


async def applied_live(key: str, batches: list[int], *, at_once: bool = False) -> tuple[list[str], list[str]]:
    """What a live client applies of so many emits, and what the log holds of them."""
    had = (await blocking.run(open_stream, key)).head
    async with converse(key) as client:
        if at_once:
            await asyncio.gather(*[think(key, size) for size in batches])
        else:
            for size in batches:
                await think(key, size)
        await client.until(had + sum(batches))
    return client.applied, (await texts(key))[had:]


async def test_a_layer_that_delivers_nothing_costs_a_moment(key: str, layer: Any) -> None:
    layer(lose=1.0)
    repaired = metrics.value("emitter_repairs_total")
    applied, stored = await applied_live(key, [1, 3, 1])
    assert applied == stored
    assert metrics.value("emitter_repairs_total") > repaired


async def test_within_the_repair_interval_a_lost_event_is_there(
    key: str, layer: Any, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer(lose=1.0)
    configure(REPAIR_SECONDS=0.5)
    rounds: list[float] = []
    heard_after: list[int] = []
    heard = Session.heard

    def hear(session: Session, growth: Growth) -> None:
        heard_after.extend([len(rounds)] if growth.head == 1 else [])
        heard(session, growth)

    monkeypatch.setattr(Session, "tick", lambda session, now: rounds.append(now))
    monkeypatch.setattr(Session, "heard", hear)
    async with converse(key) as client:
        await think(key)
        rounds.clear()
        assert await client.until(1) == [1]
    assert heard_after[0] <= 1  # 0 is of a round that had begun.


async def test_a_layer_that_repeats_is_heard_once(key: str, layer: Any) -> None:
    layer(repeat=1.0)
    applied, stored = await applied_live(key, [1] * 10)
    assert applied == stored


async def test_a_layer_that_shuffles_is_put_in_order(key: str, layer: Any) -> None:
    layer(delay=0.01, repeat=0.5)
    applied, stored = await applied_live(key, [1, 2, 3] * 5)
    assert applied == stored


async def test_of_a_bell_that_is_partly_old_the_new_is_taken(key: str, layer: Any, configure: Configure) -> None:
    layer(lose=1.0)
    configure(REPAIR_SECONDS=3_600)
    async with converse(key) as client:
        await think(key, 4)
        stored = await texts(key)
        client.session.heard(Growth(key, client.epoch, 1, 2, stored[:2]))
        client.session.heard(Growth(key, client.epoch, 2, 4, stored[1:]))
        client.session.heard(Growth(key, client.epoch, 1, 3, stored[:3]))
        assert await client.until(4) == [1, 2, 3, 4]


async def test_a_layer_that_is_down_for_a_while_is_done_without(key: str, layer: Any) -> None:
    faulty = layer()
    async with converse(key) as client:
        for down in (False, True, False):
            faulty.down = down
            await client.until(await think(key, 2))
    assert client.seqs == [1, 2, 3, 4, 5, 6]


async def test_a_session_opened_while_the_layer_is_down_is_live(key: str, layer: Any) -> None:
    layer(down=True)
    applied, stored = await applied_live(key, [1, 2])
    assert applied == stored


@hypothesis_settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    faults=st.fixed_dictionaries(
        {"seed": st.integers(0, 2**32), "lose": parts, "repeat": parts, "delay": st.sampled_from([0.0, 0.005])}
    ),
    batches=st.lists(st.integers(1, 5), min_size=1, max_size=8),
    at_once=st.booleans(),
)
async def test_whatever_the_layer_does_the_log_is_applied(
    key: str, layer: Any, faults: dict[str, Any], batches: list[int], at_once: bool
) -> None:
    layer(**faults)
    applied, stored = await applied_live(key, batches, at_once=at_once)
    assert applied == stored


async def test_a_replay_under_fire_is_gapless(key: str, layer: Any) -> None:
    layer(lose=0.3, repeat=0.3, delay=0.005, seed=1)
    await think(key, 300)

    async def emit() -> None:
        for _ in range(50):
            await think(key, 2)

    emitting = asyncio.create_task(emit())
    async with converse(key, after=0) as client:
        await client.until(400)
        await emitting
    assert client.applied == await texts(key)
