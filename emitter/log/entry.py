"""What goes into the log and what comes back. Structs, because one of each is made for every event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from emitter.errors import EmitterError
from emitter.events import Usage


class Reported(msgspec.Struct, frozen=True, gc=False):
    """Tokens that an event tells of: of single calls, or in ``total`` of its run so far."""

    calls: tuple[Usage, ...]
    total: bool = False


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One checked event, encoded but for its number. ``thread`` is ``None`` when the run's own is to be taken.

    ``given`` says that the id came from the caller, so it may be stored already; ``drop`` is the code by which it is
    left out when it is not. ``flags`` name what policy found suspicious.
    """

    stream: str
    run: str
    thread: str | None
    agent: str
    type: str
    event_id: UUID
    given: bool
    digest: bytes
    payload: bytes
    created_at: datetime
    tier: str = "unknown"
    drop: str | None = None
    usage: Reported | None = None
    flags: tuple[str, ...] = ()
    source: str = "emitter"


@dataclass(slots=True)
class Unit:
    """Entries that are stored wholly or not at all. ``retried`` says that an earlier try may have been committed."""

    entries: list[Entry]
    retried: bool = False

    @property
    def is_left_out(self) -> bool:
        """Whether the log has nothing to say: all are left out, and none can be stored already."""
        for entry in self.entries:  # noqa: SIM110 (each emit asks, and a generator takes ten times as long)
            if entry.drop is None or entry.given:
                return False
        return True


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What became of one event.

    ``seq`` is its place in the user's stream; ``duplicate``: the id was stored before, under this ``seq``;
    ``after_end``: its run had ended; ``spooled``: kept locally until the database is back; ``dropped``: the code of the
    policy that left it out; ``flags``: what policy found wrong with an event that it let pass.
    """

    event_id: UUID
    seq: int | None
    duplicate: bool = False
    after_end: bool = False
    spooled: bool = False
    dropped: str | None = None
    flags: tuple[str, ...] = ()


Outcome = list[Receipt] | EmitterError
"""What became of one unit: a receipt for each entry, or why it was refused."""
