"""The bytes: how an event and the frames of ``agent-events.v1`` are written and read. No I/O.

An event is encoded once, by :func:`encode_event`; the log stores that text, and the live bell, a replay and the
history hand out the same text.
"""

from emitter.wire.client import Ack, Auth, Cancel, ClientFrame, Filter, Pong, Resume, decode_frame, passes
from emitter.wire.event import EventFrame, encode_event, event_flags, payload_of, source_of, with_epoch
from emitter.wire.payload import decode_json, digest, encode_payload, payload_status, refuse_large
from emitter.wire.server import (
    PROTOCOL,
    SUBPROTOCOL,
    batch,
    close,
    error,
    expiring,
    frame_type,
    gap,
    hello,
    ping,
    position,
)

__all__ = [
    "PROTOCOL",
    "SUBPROTOCOL",
    "Ack",
    "Auth",
    "Cancel",
    "ClientFrame",
    "EventFrame",
    "Filter",
    "Pong",
    "Resume",
    "batch",
    "close",
    "decode_frame",
    "decode_json",
    "digest",
    "encode_event",
    "encode_payload",
    "error",
    "event_flags",
    "expiring",
    "frame_type",
    "gap",
    "hello",
    "passes",
    "payload_of",
    "payload_status",
    "ping",
    "position",
    "refuse_large",
    "source_of",
    "with_epoch",
]
