"""One round: agents emit, clients listen, a fault strikes, and everybody's list is counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from random import Random

from chaos.faults import Fault, Scene, wire
from chaos.listener import Listener
from chaos.producer import Producer
from chaos.stage import USERS, Stage
from chaos.tally import Tally, tally

#: Events of each user before the fault strikes.
BEFORE = 8
#: Seconds in which a stage must be whole; plain Channels has nothing that would come later.
PATIENCE, PLAIN_PATIENCE = 60.0, 2.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """``whole_after`` are the seconds from the fault's end until every client had what was emitted before."""

    fault: str
    column: str
    plain: bool
    seed: int
    emitted: int
    tally: Tally
    whole_after: float | None
    connections: int
    gaps: int


async def play(stage: Stage, fault: Fault, seed: int) -> Outcome:
    """Plays a round. Always comes back with an outcome; what is missing then is lost."""
    round_id = f"{fault.name.replace(' ', '-')}-{seed}-{time.monotonic_ns()}"
    doors = {user: stage.worker if fault.beside else stage.door(user) for user in USERS}
    producers = {user: Producer(user, doors[user], fault.total, fault.per_second, round_id) for user in USERS}
    async with wire(fault, stage) as proxy:
        listeners = fault.audience(stage, round_id)
        if proxy is not None:
            listeners = [stage.listener(one.user, round_id, port=proxy.port) for one in listeners]
        scene = Scene(stage, listeners, Random(seed), proxy)
        listening = [asyncio.create_task(listener.run()) for listener in listeners]
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*(listener.greeted() for listener in listeners))
            whole_after = await _perform(scene, fault, producers)
        finally:
            for task in listening:
                task.cancel()
            await asyncio.wait(listening)
    return Outcome(
        fault=fault.name,
        column=stage.column,
        plain=stage.plain,
        seed=seed,
        emitted=fault.total * len(USERS),
        tally=_count(listeners, producers),
        whole_after=whole_after,
        connections=sum(listener.connections for listener in listeners),
        gaps=sum(listener.gaps for listener in listeners),
    )


async def _perform(scene: Scene, fault: Fault, producers: dict[str, Producer]) -> float | None:
    emitting = [asyncio.create_task(producer.run()) for producer in producers.values()]
    try:
        await _all_have(scene.listeners, dict.fromkeys(USERS, BEFORE), 3.0)
        await fault.strike(scene)
        healed, patience = time.monotonic(), PLAIN_PATIENCE if scene.stage.plain else PATIENCE
        before = {user: producer.answered for user, producer in producers.items()}
        whole = await _all_have(scene.listeners, before, patience)
        whole_after = time.monotonic() - healed if whole else None
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*emitting)
        await _all_have(scene.listeners, dict.fromkeys(USERS, fault.total), patience)
    finally:
        for task in emitting:
            task.cancel()
        await asyncio.gather(*emitting, return_exceptions=True)
    return whole_after


async def _all_have(listeners: Iterable[Listener], numbers: dict[str, int], seconds: float) -> bool:
    waiting = [asyncio.create_task(listener.has(numbers[listener.user])) for listener in listeners]
    _, missing = await asyncio.wait(waiting, timeout=seconds)
    for task in missing:
        task.cancel()
    return not missing


def _count(listeners: Iterable[Listener], producers: dict[str, Producer]) -> Tally:
    tallies = (tally(one.user, producers[one.user].total, one.applied) for one in listeners)
    return reduce(Tally.plus, tallies, Tally())
