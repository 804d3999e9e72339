"""The bytes: how an event and the frames of ``agent-events.v1`` are written and read. No I/O.

An event is encoded once, by :func:`encode_event`; the log stores that text, and the live bell, a replay and the
history hand out the same text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Annotated, Any

import msgspec

from emitter.errors import EventRefused, FrameError

SUBPROTOCOL = "agent-events.v1"
PROTOCOL = 1

_encoder = msgspec.json.Encoder()
_sorted_encoder = msgspec.json.Encoder(order="sorted")
_SCALARS = frozenset({str, int, bool, type(None)})


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


def encode_payload(payload: Mapping[str, Any], *, max_depth: int, keys: set[Any] | None = None) -> bytes:
    """JSON of a payload, keys in the order given. Raises a named ``payload_…`` error for what JSON cannot carry.

    The keys of the payload and of all objects in it are added to ``keys``.
    """
    try:
        _refuse_unsafe(payload, max_depth, set() if keys is None else keys)
        encoded = _encoder.encode(payload)
    except UnicodeEncodeError:
        raise EventRefused(
            "payload_bad_text", "A text holds half of a surrogate pair; encode with errors='replace' first."
        ) from None
    except RecursionError:
        raise EventRefused("payload_too_deep", f"The payload is nested deeper than {max_depth} levels.") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise EventRefused("payload_not_json", f"The payload cannot be JSON: {error}.") from None
    return encoded


def refuse_large(encoded: bytes, max_bytes: int) -> None:
    """Raises ``payload_too_large`` above the limit."""
    if len(encoded) > max_bytes:
        raise EventRefused(
            "payload_too_large",
            f"The payload takes {len(encoded):,} bytes and {max_bytes:,} are allowed; shorten it.",
        )


def _refuse_unsafe(payload: Mapping[str, Any], max_depth: int, keys: set[Any]) -> None:
    """Walks the payload once: depth, keys, and numbers that msgspec would silently write as null."""
    level: list[Any] = [payload]
    for _ in range(max_depth):
        below: list[Any] = []
        for value in level:
            if isinstance(value, Mapping):
                keys.update(value)
                value = value.values()
            for item in value:
                if type(item) in _SCALARS:
                    continue
                if isinstance(item, float):
                    if not math.isfinite(item):
                        raise EventRefused("payload_not_finite", f"The payload holds {item}; JSON has no such number.")
                elif isinstance(item, Mapping | list | tuple | set | frozenset):
                    below.append(item)
                elif not isinstance(item, str | int):
                    below.append(_builtin(item))
        if not below:
            return
        level = below
    raise EventRefused("payload_too_deep", f"The payload is nested deeper than {max_depth} levels.")


def _builtin(item: Any) -> Any:
    """Dates, ids, dataclasses and the like, as the plain values that msgspec writes for them."""
    plain = msgspec.to_builtins(item)
    return plain if isinstance(plain, Mapping | list | tuple) else (plain,)


class _Source(msgspec.Struct):
    source: str = "emitter"


_source_decoder = msgspec.json.Decoder(_Source)


def source_of(body: str) -> str:
    """By which way a stored event came in."""
    return _source_decoder.decode(body).source


class _Status(msgspec.Struct):
    status: str | None = None


_status_decoder = msgspec.json.Decoder(_Status)


def payload_status(payload: bytes) -> str | None:
    """The ``status`` of an encoded payload."""
    return _status_decoder.decode(payload).status


class _Flags(msgspec.Struct):
    flags: tuple[str, ...] = ()


_flags_decoder = msgspec.json.Decoder(_Flags)


def event_flags(body: str) -> tuple[str, ...]:
    """The ``flags`` of an event's text."""
    return _flags_decoder.decode(body).flags


def digest(event_type: str, run: str, thread: str | None, agent: str, payload: Mapping[str, Any]) -> bytes:
    """Sixteen bytes that tell whether an event id came back with the same content (keys sorted, before cleaning)."""
    content: Any = (event_type, run, thread, agent, payload)
    try:
        encoded = _sorted_encoder.encode(content)
    except TypeError:  # Keys may be numbers, which are written as texts; only texts can be sorted.
        encoded = _sorted_encoder.encode(msgspec.to_builtins(content, str_keys=True))
    return blake2b(encoded, digest_size=16).digest()


def decode_json(text: str | bytes) -> Any:
    """Strict JSON from outside. Raises ``broken_json``.

    NaN and half surrogate pairs, which are not JSON but common, are let through, so that the check of the payload
    names them exactly.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        pass
    try:
        return json.loads(text)
    except RecursionError:
        raise EventRefused("payload_too_deep", "The text is nested too deep to be read.") from None
    except ValueError as error:
        raise EventRefused("broken_json", f"The text is not JSON: {error}.") from None


# What a server says ---------------------------------------------------------------------------------------------------


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


def with_epoch(body: str, epoch: str) -> str:
    """An event's text for clients without control frames: the same, with ``epoch`` beside ``seq``."""
    head, id_key, rest = body.partition(',"id":')
    return f'{head},"epoch":"{epoch}"{id_key}{rest}'


def frame_type(frame: str) -> str:
    """The type of a control frame, which is its first value."""
    return frame.split('"', 4)[3]


def _frame(frame_type: str, **values: Any) -> str:
    return _encoder.encode({"type": frame_type, **values}).decode()


# What a client says ---------------------------------------------------------------------------------------------------

Seq = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Word = Annotated[str, msgspec.Meta(max_length=200)]


class Ack(msgspec.Struct, frozen=True, tag="ack", forbid_unknown_fields=True):
    """All events up to ``seq`` were applied."""

    seq: Seq


class Resume(msgspec.Struct, frozen=True, tag="resume", forbid_unknown_fields=True):
    """Go on after this position, whatever was sent before."""

    epoch: Word
    after: Seq


class Auth(msgspec.Struct, frozen=True, tag="auth", forbid_unknown_fields=True):
    """A newer token for the same user."""

    token: Annotated[str, msgspec.Meta(max_length=8192)]


class Pong(msgspec.Struct, frozen=True, tag="pong", forbid_unknown_fields=True):
    """The answer to a ping."""


class Filter(msgspec.Struct, frozen=True, tag="filter", forbid_unknown_fields=True):
    """Only events of these types, or of this run; ``null`` means all."""

    types: Annotated[list[Word], msgspec.Meta(max_length=100)] | None = None
    run_id: Word | None = None


class Cancel(msgspec.Struct, frozen=True, tag="cancel", forbid_unknown_fields=True):
    """Stop this run."""

    run_id: Word


class _Glance(msgspec.Struct):
    type: str
    run_id: str


_glance_decoder = msgspec.json.Decoder(_Glance)


def passes(wanted: Filter, body: str) -> bool:
    """Whether a client's filter lets an event through."""
    seen = _glance_decoder.decode(body)
    return (wanted.types is None or seen.type in wanted.types) and wanted.run_id in (None, seen.run_id)


ClientFrame = Ack | Resume | Auth | Pong | Filter | Cancel
_CLIENT_TYPES = frozenset({"ack", "resume", "auth", "pong", "filter", "cancel"})
_client_decoder: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)


def decode_frame(text: str | bytes) -> ClientFrame:
    """A client's frame. Raises ``unknown_frame`` for a type that the protocol lacks, ``bad_frame`` for the rest."""
    try:
        return _client_decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as problem:
        try:
            kind = msgspec.json.decode(text).get("type")
        except (msgspec.DecodeError, UnicodeError, RecursionError, AttributeError):
            raise FrameError("bad_frame", "The frame is not a JSON object; see the protocol agent-events.v1.") from None
        if isinstance(kind, str) and kind not in _CLIENT_TYPES:
            raise FrameError("unknown_frame", f"There is no frame {kind!r:.40}; it was left out.") from None
        raise FrameError("bad_frame", f"The frame does not fit the protocol: {problem}.") from None
