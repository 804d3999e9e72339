"""The tokens of one run as its handle hears of them, and which of them no event has told yet. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from emitter.errors import EventRefused
from emitter.events import Usage

#: Calls that wait for an event; further ones are added to those of the same model.
CALLS = 100


class Tally:
    """Each call leaves with one event: the next one, or the run's last."""

    def __init__(self) -> None:
        self.untold: list[Usage] = []
        self._input = self._output = 0

    def add(self, call: Usage) -> None:
        """A call that an event has to tell of."""
        self.note([call])
        self._wait(call)

    def note(self, calls: Sequence[Usage]) -> None:
        """Calls that an event tells of by itself."""
        self._input += sum(call.input_tokens for call in calls)
        self._output += sum(call.output_tokens for call in calls)

    def take(self) -> list[Usage]:
        """What was not told yet, to be told now."""
        taken, self.untold = self.untold, []
        return taken

    def put_back(self, calls: Sequence[Usage]) -> None:
        """Their event was not stored."""
        waiting, self.untold = self.untold, []
        for call in [*calls, *waiting]:
            self._wait(call)

    def summary(self, calls: Sequence[Usage]) -> dict[str, Any] | None:
        """``usage`` of the last event: the whole run's tokens for who reads it, and the calls that it tells of."""
        if not self._input and not self._output:
            return None
        return {"input_tokens": self._input, "output_tokens": self._output, **told(calls)}

    def _wait(self, call: Usage) -> None:
        if len(self.untold) >= CALLS:
            for place, other in enumerate(self.untold):
                if (both := _both(other, call)) is not None:
                    self.untold[place] = both
                    return
        self.untold.append(call)


def told(calls: Sequence[Usage]) -> dict[str, Any]:
    """``usage`` of an event that tells of these calls."""
    return {"calls": [asdict(call) for call in calls]}


def _both(one: Usage, other: Usage) -> Usage | None:
    """Two calls of one model as one, if that can be."""
    if one.model != other.model:
        return None
    try:
        return Usage(one.model, one.input_tokens + other.input_tokens, one.output_tokens + other.output_tokens)
    except EventRefused:
        return None
