"""How a session speaks to an older client: events in its shape, errors it can read, and nothing superfluous."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from emitter import clock, wire
from emitter.old_door import shapes

#: What the session says for its own protocol, and no older client understands.
UNHEARD = frozenset({"hello", "position", "ping", "expiring"})
LOST = {
    "epoch": "The record of events was renewed, and some may not be shown here.",
    "pruned": "Some events are too old to be shown here.",
    "future": "The record of events was set back, and some may not be shown here.",
}


@dataclass(frozen=True, slots=True)
class OldSpeech:
    """One event a frame, in one of the shapes. A page cannot take a long replay, so after a gap it goes on from now."""

    shape: str
    page: bool

    acknowledges = False
    written_is_applied = True
    replays_after_gap = False

    def events(self, bodies: Sequence[str], first: int, epoch: str) -> list[str]:
        return [frame for body in bodies for frame in shapes.frames(body, self.shape, page=self.page)]

    def control(self, frame: str) -> list[str]:
        kind = wire.frame_type(frame)
        if kind in UNHEARD:
            return []
        if kind not in ("error", "gap"):
            return [frame]  # The door's own.
        said = msgspec.json.decode(frame)
        if kind == "gap":
            return [error(LOST[said["reason"]], "events_lost")]
        return [frame] if "payload" in said else [error(said["detail"], said["code"])]


def error(words: str, code: str, **top: Any) -> str:
    """An error as every older client reads it."""
    now = f"{clock.now().isoformat(timespec='milliseconds')[:-6]}Z"
    return frame("error", timestamp=now, **top, payload={"error_message": words, "code": code})


def frame(frame_type: str, **fields: Any) -> str:
    """A frame of the door's own."""
    return msgspec.json.encode({"type": frame_type, **fields}).decode()
