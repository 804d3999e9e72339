"""Many users at once: what is somebody's reaches nobody else."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from random import Random

import msgspec
import pytest
from django.contrib.auth.models import User

from emitter.policy.users import key_of

from ..commands import Process
from ..processes import Daphne
from ..sockets import Client, connect

USERS, PROCESSES, EACH = 200, 8, 5
#: Eight that lock the streams of two hundred may take long to come by; how long is no matter here.
UNHURRIED = {"DJANGO_SETTINGS_MODULE": "tests.strict_settings", "TEST_EMIT_DEADLINE": "600"}


@pytest.mark.django_db(transaction=True)
async def test_of_200_users_fed_by_8_processes_nobody_hears_of_another(
    live_server_process: Daphne, server_environment: dict[str, str]
) -> None:
    people = await User.objects.abulk_create(User(username=f"user-{number}") for number in range(USERS))
    keys = [key_of(user) for user in people]
    async with AsyncExitStack() as stack:
        joining = (stack.enter_async_context(connect(live_server_process, key, after=0)) for key in keys)
        clients: list[Client] = await asyncio.gather(*joining)
        emitting = (asyncio.to_thread(emit_for_all, seed, keys, server_environment) for seed in range(PROCESSES))
        assert await asyncio.gather(*emitting) == [(USERS * EACH, 0, "")] * PROCESSES
        await asyncio.gather(*(client.until(PROCESSES * EACH) for client in clients))
    heard = Counter((key, owner_of(text)) for key, client in zip(keys, clients, strict=True) for text in client.applied)
    assert heard == {(key, key): PROCESSES * EACH for key in keys}


def emit_for_all(seed: int, keys: list[str], environment: dict[str, str]) -> tuple[int, int, str]:
    """Events of every user's run of this process, by chance in turn. Returns how many were taken, and how it ended."""
    turns = Random(seed).sample(keys * EACH, len(keys) * EACH)
    lines = [
        {"user": key, "run": f"run-{seed}-{key}", "type": "agent_thinking", "payload": {"thought": f"of {key}"}}
        for key in turns
    ]
    with Process(environment | UNHURRIED, "emit", "--stdin") as process:
        receipts, code, error = process.end(b"\n".join(map(msgspec.json.encode, lines)) + b"\n")
    return sum("seq" in receipt for receipt in receipts), code, error


def owner_of(text: str) -> str:
    """Whose an event is, by its payload and its run alike."""
    event = msgspec.json.decode(text)
    by_run, by_thought = event["run_id"].split("-")[2], event["payload"]["thought"].removeprefix("of ")
    assert by_run == by_thought
    return by_thought
