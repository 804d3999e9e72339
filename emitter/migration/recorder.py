"""What an old sender puts on the wire, as its own transport reports it while a call is compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

#: Frames of one call that are looked at.
MOST = 50


class Sent(NamedTuple):
    """One frame, and the user whom it was for; ``None`` where the old sender knew a thread only."""

    user: str | None
    frame: Any


_frames: ContextVar[list[Sent] | None] = ContextVar("emitter_shadow_frames", default=None)


def sent(user: object, frame: Any) -> None:
    """Reports a frame that goes on the wire: call it where your old code hands the frame to its transport.

    ``frame`` is the whole message, as an object or as JSON text. It may be called anywhere below the old sender, in
    tasks and threads that it starts too, until the sender returns. Outside a call in shadow mode it does nothing.
    """
    frames = _frames.get()
    if frames is not None and len(frames) < MOST:
        frames.append(Sent(None if user is None else str(user), frame))


@contextmanager
def recording() -> Iterator[list[Sent]]:
    """Collects what is reported inside."""
    frames: list[Sent] = []
    token = _frames.set(frames)
    try:
        yield frames
    finally:
        _frames.reset(token)
