"""What a run has gone through: has it started, has it ended, which of its tool calls are open.

Started and ended stand in the run's row. The open calls of all runs of a user stand in the user's stream as one short
text, because that row is read and written with every event anyway: to follow calls takes no statement more.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from uuid import UUID

import msgspec

from emitter.errors import EventRefused
from emitter.events import ACCOUNTING, FINAL
from emitter.log.entry import Entry, Unit

RUNNING = "running"
#: Types that a run's life depends on; all others may come at any time.
STEPS = FINAL | {"agent_started", "agent_thinking", "tool_executing", "tool_completed"}

#: Runs of a user whose open calls are kept one by one; of further ones it is only known that they have some.
RUNS = 64
#: Runs of a user of which that is known.
MORE_RUNS = 1_000


class Call(NamedTuple):
    """An open call of a tool, as its event named it."""

    id: str | None
    name: str | None


Calls = tuple[Call, ...] | None
"""The open calls of a run, oldest first; ``None`` when there were too many to be kept."""


class Life(NamedTuple):
    """One run, before or after an event."""

    started: bool = False
    ended: bool = False
    calls: Calls = ()


Step = Callable[[Life, str, bytes], tuple[Life, tuple[str, ...]]]
"""From a life, an event's type and its encoded payload to the life after it, and to what was wrong with it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How a run goes on (``step``), and whether an event that breaks it is flagged, refused, or neither.

    Given by the service, because policy stands above the log.
    """

    step: Step
    refusal: Callable[[str, str, int], EventRefused]
    flags: bool = True
    refuses: bool = False


class HasOpenCalls(Protocol):
    """What a stream's row tells: a text that :class:`OpenCalls` reads."""

    @property
    def open_calls(self) -> str: ...


class Lived(Protocol):
    """What a run's row tells."""

    @property
    def state(self) -> str: ...

    @property
    def started(self) -> bool: ...


_decoder = msgspec.json.Decoder(dict[str, list[Call] | None])
#: No run has this id. It says that calls of further runs are open, nobody knows which.
_OTHERS = ""


class OpenCalls:
    """The open calls of a batch's streams. Texts are read when a run is asked for, and written when one changed."""

    def __init__(self, streams: Mapping[str, HasOpenCalls]) -> None:
        self._streams = streams
        self._runs: dict[str, dict[str, list[Call] | None]] = {}
        self._changed: set[str] = set()

    def of(self, stream: str, run: str) -> Calls:
        """The open calls of a run."""
        runs = self._of(stream)
        calls = runs.get(run, None if _OTHERS in runs else [])
        return None if calls is None else tuple(calls)

    def put(self, stream: str, run: str, calls: Calls) -> None:
        """Sets the open calls of a run."""
        runs = self._of(stream)
        if calls == ():
            runs.pop(run, None)
            if runs.keys() == {_OTHERS}:
                del runs[_OTHERS]
        elif run in runs or len(runs) < MORE_RUNS:
            runs[run] = None if calls is None or (run not in runs and len(runs) >= RUNS) else list(calls)
        else:
            runs[_OTHERS] = None
        self._changed.add(stream)

    def changed_texts(self) -> dict[str, str]:
        """What is to be written, by stream; nothing open is an empty text."""
        return {key: msgspec.json.encode(runs).decode() if (runs := self._runs[key]) else "" for key in self._changed}

    def _of(self, stream: str) -> dict[str, list[Call] | None]:
        if stream not in self._runs:
            text = self._streams[stream].open_calls
            self._runs[stream] = _decoder.decode(text) if text else {}
        return self._runs[stream]


class Lives:
    """The lives of a batch's runs. Without rules nothing is followed."""

    def __init__(self, rules: Rules | None, streams: Mapping[str, HasOpenCalls]) -> None:
        self._rules = rules
        self._calls = OpenCalls(streams)
        self.changed_texts = self._calls.changed_texts

    def check(self, unit: Unit, runs: Mapping[str, Lived], known: Container[tuple[str, UUID]]) -> None:
        """Refuses a unit, when told so, for its first event that its run cannot have now. A repetition is none."""
        if self._rules is None or not self._rules.refuses:
            return
        lives: dict[str, Life] = {}
        seen: set[tuple[str, UUID]] = set()
        for index, entry in enumerate(unit.entries):
            name = (entry.stream, entry.event_id)
            if name in known or name in seen or entry.type in ACCOUNTING:  # What was spent is told, also afterwards.
                continue
            seen.add(name)
            before = lives[entry.run] if entry.run in lives else self._life(entry, runs.get(entry.run))
            lives[entry.run], faults = self._rules.step(before, entry.type, entry.payload)
            if faults:
                raise self._rules.refusal(faults[0], entry.run, index)

    def go_on(self, entry: Entry, run: Lived | None) -> tuple[str, ...]:
        """Takes the entry's run one step on. Returns the flags for what was wrong; the end has a mark of its own."""
        if self._rules is None or entry.type not in STEPS or (run is not None and _says_nothing(entry, run)):
            return ()
        before = self._life(entry, run)
        after, faults = self._rules.step(before, entry.type, entry.payload)
        if after.calls != before.calls:
            self._calls.put(entry.stream, entry.run, after.calls)
        return faults if self._rules.flags and not before.ended else ()

    def _life(self, entry: Entry, run: Lived | None) -> Life:
        if run is None:
            return Life()
        return Life(run.started, run.state != RUNNING, self._calls.of(entry.stream, entry.run))


def _says_nothing(entry: Entry, run: Lived) -> bool:
    """Most events: a thought of a run that has started."""
    return entry.type == "agent_thinking" and run.started
