"""What this process knows of modes is not carried from one test to the next."""

from collections.abc import Iterator

import pytest

from emitter.migration.switch import switch


@pytest.fixture(autouse=True)
def _forgetful() -> Iterator[None]:
    switch.forget()
    yield
    switch.forget()
