"""The identity of a stream: a UUIDv7 that sorts after the stream's earlier ones, whatever the clock says."""

from __future__ import annotations

from uuid import UUID

from uuid_utils.compat import uuid7

#: The bits below a UUIDv7's milliseconds (RFC 9562, section 5.7).
_BELOW = 80


def new_epoch(after: str | None = None) -> str:
    """A new identity, later than ``after``."""
    new = uuid7()
    if after is None or str(new) > after:
        return str(new)
    milliseconds = (UUID(after).int >> _BELOW) + 1
    return str(UUID(int=(milliseconds << _BELOW) | (new.int & ((1 << _BELOW) - 1))))
