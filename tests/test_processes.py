"""Ten processes at once: every stream is 1..head, and every receipt matches its row."""

import os
import subprocess
import sys
from itertools import compress
from typing import IO

import msgspec
import pytest
from django.contrib.auth.models import User

from emitter.log.verify import faults_of
from emitter.models import Event, Stream
from emitter.policy.users import key_of

from .commands import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)
PROCESSES = 10


def test_ten_processes_emit_to_one_user_and_to_a_hundred(server_environment: dict[str, str]) -> None:
    people = User.objects.bulk_create([User(username=f"user-{number}") for number in range(100)])
    receipts = told_by_workers([key_of(user) for user in people], server_environment)
    assert len(receipts) > 1_000
    stored = {(row.stream, row.seq): str(row.event_id) for row in Event.objects.all()}
    assert {(r["key"], r["seq"]): r["event_id"] for r in receipts} == stored
    assert [fault for key in Stream.objects.values_list("key", flat=True) for fault in faults_of(key).faults] == []


def told_by_workers(keys: list[str], environment: dict[str, str]) -> list[dict]:
    """The receipts that the processes printed, who all began in the same moment."""
    reader, starter = os.pipe()
    with os.fdopen(reader) as start:
        workers = [worker(seed, keys, environment, start) for seed in range(PROCESSES)]
    assert [worker.stdout.readline() for worker in workers] == [b"ready\n"] * PROCESSES
    os.close(starter)
    told = [worker.communicate(timeout=PATIENCE) for worker in workers]
    failed = [worker.returncode != 0 for worker in workers]
    assert [error.decode()[-2_000:] for _, error in compress(told, failed)] == []
    return [msgspec.json.decode(line) for output, _ in told for line in output.splitlines()]


def worker(seed: int, keys: list[str], environment: dict[str, str], start: IO[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.emitting_worker", str(seed), *keys],
        env={**environment, "DJANGO_SETTINGS_MODULE": "tests.patient_settings"},
        stdin=start,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
