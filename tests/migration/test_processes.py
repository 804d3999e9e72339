"""A change of mode, made by one process, in all others within five seconds."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from time import monotonic

import pytest

from ..commands import Process, beside

pytestmark = pytest.mark.django_db(transaction=True)
#: What is promised, and what a slow machine may take beyond it.
SECONDS, SLOWNESS = 5, 20


class Worker(Process):
    """Calls an old face until the test is done with it."""

    def __init__(self, environment: dict[str, str], key: str) -> None:
        command = [sys.executable, "-m", "tests.migration.worker", key]
        self.process = subprocess.Popen(command, 0, env=beside(environment), stdin=-1, stdout=-1, stderr=-1)


@pytest.fixture
def environment(server_environment: dict[str, str]) -> dict[str, str]:
    return {**server_environment, "DJANGO_SETTINGS_MODULE": "tests.migration.settings"}


@pytest.fixture
def workers(environment: dict[str, str], key: str) -> Iterator[list[Worker]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Worker(environment, key)) for _ in range(2)]


def turn(environment: dict[str, str], mode: str) -> None:
    command = [sys.executable, "manage.py", "migration_status", "--set", "unified_emitter", mode]
    subprocess.run(command, env=beside(environment), check=True, capture_output=True)


def test_every_process_follows_a_change_and_the_way_back(environment: dict[str, str], workers: list[Worker]) -> None:
    assert [worker.hear() for worker in workers] == [{"way": "unified"}] * 2
    for mode in ("legacy", "unified", "legacy"):
        turn(environment, mode)
        changed = monotonic()
        assert [worker.hear() for worker in workers] == [{"way": mode}] * 2
        assert monotonic() - changed < SECONDS + SLOWNESS
