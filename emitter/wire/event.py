"""The one text of an event, and what is read from it again."""

from __future__ import annotations

import msgspec

_encoder = msgspec.json.Encoder()


class EventFrame(msgspec.Struct, omit_defaults=True):
    """One event as every client sees it. ``timestamp`` is UTC with milliseconds and orders nothing; ``seq`` does.

    ``source`` is there when the event came through an old face.
    """

    type: str
    seq: int
    id: str
    run_id: str
    thread_id: str
    agent_name: str
    timestamp: str
    payload: msgspec.Raw
    after_end: bool = False
    flags: tuple[str, ...] = ()
    source: str = "emitter"


def encode_event(frame: EventFrame) -> str:
    """The one text of an event."""
    return _encoder.encode(frame).decode()


def with_epoch(body: str, epoch: str) -> str:
    """An event's text for clients without control frames: the same, with ``epoch`` beside ``seq``."""
    head, id_key, rest = body.partition(',"id":')
    return f'{head},"epoch":"{epoch}"{id_key}{rest}'


class _Provenance(msgspec.Struct):
    source: str = "emitter"
    flags: tuple[str, ...] = ()


class _Content(msgspec.Struct):
    payload: msgspec.Raw


_content_decoder = msgspec.json.Decoder(_Content)
_provenance_decoder = msgspec.json.Decoder(_Provenance)


def source_of(body: str) -> str:
    """By which way a stored event came in."""
    return _provenance_decoder.decode(body).source


def payload_of(body: str) -> str:
    """The JSON text of a stored event's payload."""
    return bytes(_content_decoder.decode(body).payload).decode()


def event_flags(body: str) -> tuple[str, ...]:
    """The ``flags`` of an event's text."""
    return _provenance_decoder.decode(body).flags
