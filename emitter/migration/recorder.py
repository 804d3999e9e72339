"""What an old sender puts on the wire, as its own transport reports it while a call is compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple

#: Frames of one call that are looked at.
MOST = 50


class Sent(NamedTuple):
    """One frame, and the user whom it was for; ``None`` where the old sender knew a thread only."""

    user: str | None
    frame: Any


@dataclass(slots=True)
class _Record:
    """The frames of one call, and the call inside whose old sender it was made: they are its frames as well."""

    frames: list[Sent]
    above: _Record | None
    goes_on: bool = True

    def add(self, one: Sent) -> None:
        record: _Record | None = self
        while record is not None:
            if record.goes_on and len(record.frames) < MOST:
                record.frames.append(one)
            record = record.above


_record: ContextVar[_Record | None] = ContextVar("emitter_shadow_frames", default=None)


def sent(user: object, frame: Any) -> None:
    """Reports a frame that goes on the wire: call it where your old code hands the frame to its transport.

    ``frame`` is the whole message, as an object or as JSON text. It may be called anywhere below the old sender, in
    tasks and threads that it starts too, until the sender returns. Outside a call in shadow mode it does nothing.
    """
    record = _record.get()
    if record is not None:
        record.add(Sent(None if user is None else str(user), frame))


@contextmanager
def recording() -> Iterator[list[Sent]]:
    """Collects what is reported inside."""
    above = _record.get()
    while above is not None and not above.goes_on:  # A task may live longer than the call in which it began.
        above = above.above
    record = _Record([], above)
    token = _record.set(record)
    try:
        yield record.frames
    finally:
        record.goes_on = False
        _record.reset(token)
