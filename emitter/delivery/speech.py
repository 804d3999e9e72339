"""How a session speaks: the same events and control frames, in the dress that a client understands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from emitter import wire


class Speech(Protocol):
    """Turns what a session has to say into the texts that its shell writes."""

    #: Whether the client says what it has applied.
    acknowledges: bool
    #: Whether what was written counts as applied, because the client has no way to say it, now or when it comes back.
    written_is_applied: bool
    #: Whether a client that has lost its place gets all that is kept; else it goes on from the head.
    replays_after_gap: bool

    def events(self, bodies: Sequence[str], first: int, epoch: str) -> list[str]:
        """Events from number ``first`` on."""

    def control(self, frame: str) -> list[str]:
        """A control frame: nothing, where the client knows none."""


class Frames:
    """``agent-events.v1``: one frame for many events, control frames, acknowledgements."""

    acknowledges = True
    written_is_applied = False
    replays_after_gap = True

    def events(self, bodies: Sequence[str], first: int, epoch: str) -> list[str]:
        return [wire.batch(bodies) if len(bodies) > 1 else bodies[0]] if bodies else []

    def control(self, frame: str) -> list[str]:
        return [frame]


class Plain:
    """A WebSocket without a subprotocol: one event a frame, the epoch beside its number, nothing else."""

    acknowledges = False
    written_is_applied = True
    replays_after_gap = True

    def events(self, bodies: Sequence[str], first: int, epoch: str) -> list[str]:
        return [wire.with_epoch(body, epoch) for body in bodies]

    def control(self, frame: str) -> list[str]:
        return []


class EventStream:
    """Server-Sent Events: one message an event, with ``EPOCH:SEQ`` as its id; control frames as named messages.

    What was applied is said by the position that the client comes back with.
    """

    acknowledges = False
    written_is_applied = False
    replays_after_gap = True

    def events(self, bodies: Sequence[str], first: int, epoch: str) -> list[str]:
        messages = [f"id: {epoch}:{seq}\ndata: {body}\n\n" for seq, body in enumerate(bodies, first)]
        return ["".join(messages)] if messages else []

    def control(self, frame: str) -> list[str]:
        return [f"event: {wire.frame_type(frame)}\ndata: {frame}\n\n"]


FRAMES, PLAIN, EVENT_STREAM = Frames(), Plain(), EventStream()
