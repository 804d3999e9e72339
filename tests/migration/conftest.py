"""What this process knows and counted of modes is not carried from one test to the next."""

from collections.abc import Iterator
from typing import Any

import pytest

from emitter.migration import ledger as module
from emitter.migration import shadow as shadow_module
from emitter.migration import switch as switch_module
from emitter.migration.ledger import ledger
from emitter.migration.shadow import shadow
from emitter.migration.switch import switch

#: Seconds that a call waits for the database, where a test does not say otherwise: it is slow there, and not away.
PATIENCE = 30.0


@pytest.fixture(autouse=True)
def _forgetful(request: Any, monkeypatch: Any) -> Iterator[None]:
    """Nothing is written down but by ``ledger.flush()``, unless the test asks for the ``background``."""
    for waits in (shadow_module, switch_module):
        monkeypatch.setattr(waits, "WAIT_SECONDS", PATIENCE)
    shadow._users.clear()
    shadow._runs.clear()
    shadow._still_until = 0.0
    if "background" not in request.fixturenames:
        monkeypatch.setattr(module, "_has_threads", lambda: False)
    for one in (switch, ledger):
        one.forget()
    yield
    for one in (switch, ledger):
        one.forget()


@pytest.fixture
def background() -> None:
    """Lets what was counted be written down by the thread that does it elsewhere."""
