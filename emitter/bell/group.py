"""The name of a user's group, and the one message that is sent to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from emitter.cursor import Growth

#: Events of more bytes than this are left out of a bell and read from the log instead.
EVENT_BYTES = 32_768
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


def user_group(key: str) -> str:
    """The channel-layer group of a user key: injective, and valid for any key.

    Channels takes 99 ASCII letters, digits, hyphens, underscores and periods.
    """
    if _PLAIN.match(key):
        return f"emitter.user.{key}"
    return f"emitter.user..{sha256(key.encode(errors='surrogatepass')).hexdigest()}"


def to_message(growth: Growth) -> dict[str, Any]:
    """The channel-layer message for a stream that has grown."""
    small = sum(map(len, growth.bodies)) <= EVENT_BYTES
    return {
        "type": "agent.events",
        "stream": growth.stream,
        "epoch": growth.epoch,
        "head": growth.head,
        "events": list(growth.bodies) if small else [],
    }


def from_message(message: Mapping[str, Any]) -> Growth:
    """What a message says."""
    head, bodies = message["head"], message["events"]
    first = head - len(bodies) + 1 if bodies else head
    return Growth(message["stream"], message["epoch"], first, head, bodies)
