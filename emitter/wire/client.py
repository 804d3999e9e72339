"""What a client says: the frames of ``agent-events.v1`` that it may send, and its filter."""

from __future__ import annotations

from typing import Annotated

import msgspec

from emitter.errors import FrameError

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


class _Glance(msgspec.Struct):
    type: str
    run_id: str


_glance_decoder = msgspec.json.Decoder(_Glance)


def passes(wanted: Filter, body: str) -> bool:
    """Whether a client's filter lets an event through."""
    seen = _glance_decoder.decode(body)
    return (wanted.types is None or seen.type in wanted.types) and wanted.run_id in (None, seen.run_id)
