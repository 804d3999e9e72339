"""What this process knows and counted of modes is not carried from one test to the next."""

from collections.abc import Iterator
from typing import Any

import pytest

from emitter.migration import ledger as module
from emitter.migration.ledger import ledger
from emitter.migration.switch import switch


@pytest.fixture(autouse=True)
def _forgetful(request: Any, monkeypatch: Any) -> Iterator[None]:
    """Nothing is written down but by ``ledger.flush()``, unless the test asks for the ``background``."""
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
