"""Ten processes at once: every stream is 1..head, and every receipt matches its row."""

import subprocess
import sys

import msgspec
import pytest
from django.contrib.auth.models import User

from emitter.log.verify import faults_of
from emitter.models import Event, Stream

pytestmark = pytest.mark.django_db(transaction=True)
PROCESSES = 10


@pytest.mark.parametrize("users", [1, 100])
def test_ten_processes_emit_to(users: int, server_environment: dict[str, str]) -> None:
    people = User.objects.bulk_create([User(username=f"user-{number}") for number in range(users)])
    keys = [str(user.pk) for user in people]
    environment = {**server_environment, "DJANGO_SETTINGS_MODULE": "netra_events.settings"}
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.emitting_worker", str(seed), *keys], env=environment, stdout=-1, stderr=-1
        )
        for seed in range(PROCESSES)
    ]
    told = [worker.communicate(timeout=90) for worker in workers]
    assert [
        error.decode()[-2_000:] for worker, (_, error) in zip(workers, told, strict=True) if worker.returncode
    ] == []
    receipts = [msgspec.json.decode(line) for output, _ in told for line in output.splitlines()]
    assert len(receipts) > 500
    stored = {(row.stream, row.seq): str(row.event_id) for row in Event.objects.all()}
    assert {(r["key"], r["seq"]): r["event_id"] for r in receipts} == stored
    assert [fault for key in Stream.objects.values_list("key", flat=True) for fault in faults_of(key).faults] == []
