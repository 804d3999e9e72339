"""``manage.py erase_user``: asks before it does what nobody can undo."""

import pytest

from emitter.context import RunContext
from emitter.events import AgentThinking
from emitter.models import Event
from emitter.service import emitter

from .commands import PATIENCE, Process, told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def filled(key) -> str:
    emitter.emit(RunContext(key, run_id="r"), AgentThinking("t"))
    return key


@pytest.mark.parametrize(("answer", "erased"), [("{key}", True), ("alice", False), ("yes", False), (None, False)])
def test_it_goes_on_with_the_key_typed_and_not_else(filled, server_environment, answer, erased) -> None:
    typed = b"" if answer is None else answer.format(key=filled).encode() + b"\n"
    with Process(server_environment, "erase_user", "--user", "alice") as erase:
        _, error = erase.process.communicate(typed, timeout=PATIENCE)
    assert erase.process.returncode == (0 if erased else 1)
    assert error.decode().startswith("CommandError: Nothing was erased.") is not erased
    assert Event.objects.exists() is not erased


def test_a_key_outlives_its_user(filled, alice) -> None:
    alice.delete()
    assert (
        told("erase_user", "--user", filled, "--yes") == f"1 events of {filled!r} erased, and the stream with them.\n"
    )
    assert not Event.objects.exists()
