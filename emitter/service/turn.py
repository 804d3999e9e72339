"""One caller's turn in the queue of a group commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from emitter.conf import conf
from emitter.errors import EmitterError, EmitterOverloaded, EmitterUnavailable
from emitter.log.entry import Outcome, Unit
from emitter.policy import tiers
from emitter.service.fair import Look

FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.05


class State(Enum):
    """Where a turn is."""

    QUEUED = auto()
    FLYING = auto()
    DONE = auto()


@dataclass(slots=True, eq=False)
class Turn:
    """One caller's units on their way. ``wake`` tells the caller that it is done, or that it has to lead.

    A caller who was cancelled or interrupted during a commit has ``given_up``: what was busy there is not tried again.
    """

    units: Sequence[Unit]
    deadline: float
    wake: Callable[[], None]
    loop: asyncio.AbstractEventLoop | None = None
    state: State = State.QUEUED
    leads: bool = False
    given_up: bool = False
    outcomes: list[Outcome | None] = field(default_factory=list)
    error: Exception | None = None
    not_before: float = 0.0
    pause: float = FIRST_PAUSE
    last_failure: str = ""
    streams: frozenset[str] = frozenset()
    size: int = 0

    def __post_init__(self) -> None:
        self.outcomes = [None] * len(self.units)
        self.streams = frozenset(entry.stream for unit in self.units for entry in unit.entries)
        self.size = sum(len(unit.entries) for unit in self.units)

    def weight(self) -> int:
        """That of the highest tier among its users."""
        return tiers.weight_of({entry.tier for unit in self.units for entry in unit.entries})

    def look(self, now: float) -> Look:
        """Whether its turn can come at ``now``."""
        if self.given_up or self.deadline <= now:
            return Look.OVER
        return Look.HOLD if self.not_before > now else Look.GO

    def open_units(self) -> list[tuple[int, Unit]]:
        """The units without an outcome, with their places."""
        return [(place, unit) for place, unit in enumerate(self.units) if self.outcomes[place] is None]

    def postpone(self, now: float) -> None:
        self.state = State.QUEUED
        self.not_before = now + self.pause
        self.pause = min(self.pause * 2, LONGEST_PAUSE)

    def result(self) -> list[Outcome]:
        """The outcomes. An error that came when some units were stored already is the outcome of the others."""
        error = self.error
        if error is not None and (not isinstance(error, EmitterError) or not any(self.outcomes)):
            raise error
        told = zip(self.units, self.outcomes, strict=True)
        return [error.about(unit.entries[0].event_id) if outcome is None else outcome for unit, outcome in told]  # type: ignore[union-attr]


def no_room() -> EmitterOverloaded:
    return EmitterOverloaded(
        f"The queue of {conf.queue_events:,} events stayed full for {conf.emit_deadline:g} s; emit less at a time, "
        "or in larger batches with emit_many."
    )


def too_late(turn: Turn) -> EmitterError:
    if turn.last_failure:
        return EmitterUnavailable(
            "database_unavailable",
            f"The database did not answer for {conf.emit_deadline:g} s; the last failure was: {turn.last_failure}",
        )
    return EmitterOverloaded(
        f"The event waited {conf.emit_deadline:g} s: its stream or run is held by an open transaction, or the database "
        "is slow. End that transaction sooner, or emit inside it."
    )
