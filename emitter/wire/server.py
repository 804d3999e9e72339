"""What a server says beside events: the control frames of ``agent-events.v1``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

SUBPROTOCOL = "agent-events.v1"
PROTOCOL = 1

_encoder = msgspec.json.Encoder()


def hello(*, epoch: str, head: int, after: int, heartbeat: int, credit_events: int, credit_bytes: int) -> str:
    credit = {"events": credit_events, "bytes": credit_bytes}
    return _frame("hello", protocol=PROTOCOL, epoch=epoch, head=head, after=after, heartbeat=heartbeat, credit=credit)


def batch(bodies: Iterable[str]) -> str:
    """Several events in one frame, each in its own stored text."""
    return f'{{"type":"batch","events":[{",".join(bodies)}]}}'


def position(seq: int) -> str:
    return _frame("position", seq=seq)


def gap(*, after: int, first: int, reason: str, epoch: str) -> str:
    return _frame("gap", after=after, first=first, reason=reason, epoch=epoch)


def error(code: str, detail: str) -> str:
    return _frame("error", code=code, detail=detail)


def ping() -> str:
    return _frame("ping")


def close(code: int, reason: str) -> str:
    """The end of a stream whose transport has no close codes."""
    return _frame("close", code=code, reason=reason)


def expiring(seconds: int) -> str:
    return _frame("expiring", **{"in": seconds})


def frame_type(frame: str) -> str:
    """The type of a control frame, which is its first value."""
    return frame.split('"', 4)[3]


def _frame(frame_type: str, **values: Any) -> str:
    return _encoder.encode({"type": frame_type, **values}).decode()
