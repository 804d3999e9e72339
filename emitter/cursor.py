"""Pure arithmetic of positions: what a client has, what arrived, what follows.

The cases are in ``tests/vectors/cursor.json``; ``static/emitter/cursor.js`` is this file's twin and reads the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What to do with events that arrived."""

    DELIVER = "deliver"
    IGNORE = "ignore"
    REPAIR = "repair"


def advance(position: int, first: int, last: int) -> tuple[Verdict, int]:
    """What a reader at ``position`` does with the contiguous events ``first`` to ``last``.

    Returns the verdict and the number to go on from: the first event to deliver, or the event after which the log has
    to be read. A bell without events is ``first == last == head``.
    """
    if last <= position:
        return Verdict.IGNORE, position
    if first <= position + 1:
        return Verdict.DELIVER, position + 1
    return Verdict.REPAIR, position


@dataclass(frozen=True, slots=True)
class Growth:
    """News of a stream: it holds ``first`` to ``head``, and ``bodies`` are the texts of these events.

    Without bodies it says only how far the stream has grown; the events are in the log.
    """

    stream: str
    epoch: str
    first: int
    head: int
    bodies: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class StreamState:
    """One user's log as it stands: ``pruned_to`` is the last number that is no longer kept (0: all are)."""

    epoch: str
    head: int
    pruned_to: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """What a client says about where it was. ``device_*`` is the stored position of the device it named."""

    after: int | None = None
    epoch: str | None = None
    device: bool = False
    device_epoch: str | None = None
    device_position: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Events that this client will not get: it had ``after``, the next one is ``first``."""

    after: int
    first: int
    reason: str


@dataclass(frozen=True, slots=True)
class Start:
    """Where a session begins: the next event is ``after + 1``; ``gap`` is told first."""

    after: int
    gap: Gap | None = None


def start(claim: Claim, stream: StreamState) -> Start:
    """The table of positions: the first row that fits holds."""
    if claim.after is None:
        return _start_without_position(claim, stream)
    if claim.after == 0:
        return _from_kept(stream, after=0, reason="pruned", always=False)
    if claim.epoch != stream.epoch:
        return _from_kept(stream, after=claim.after, reason="epoch", always=True)
    if claim.after > stream.head:
        return Start(stream.head, Gap(claim.after, stream.head + 1, "future"))
    if claim.after < stream.pruned_to:
        return _from_kept(stream, after=claim.after, reason="pruned", always=True)
    return Start(claim.after)


def _start_without_position(claim: Claim, stream: StreamState) -> Start:
    if not claim.device or claim.device_position is None:
        return Start(stream.head)
    if claim.device_epoch != stream.epoch:
        return _from_kept(stream, after=claim.device_position, reason="epoch", always=True)
    stored = Claim(after=claim.device_position, epoch=claim.device_epoch)
    return start(stored, stream) if claim.device_position else _from_kept(stream, 0, "pruned", always=False)


def _from_kept(stream: StreamState, after: int, reason: str, *, always: bool) -> Start:
    """From the first event that is kept, with a gap when one is there or ``always``."""
    kept = stream.pruned_to
    return Start(kept, Gap(after, kept + 1, reason) if always or kept > after else None)
