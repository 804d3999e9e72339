"""The log's rows as numbering reads and makes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec


@dataclass(frozen=True, slots=True)
class StreamRow:
    """A locked stream."""

    epoch: str
    head: int
    #: What :class:`OpenCalls` reads.
    open_calls: str = ""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as stored, or as this batch makes it."""

    stream: str
    thread: str
    agent: str
    state: str
    first_seq: int
    #: Whether ``agent_started`` came.
    started: bool = True
    started_at: datetime | None = None
    last_seq: int | None = None
    ended_at: datetime | None = None


class EventRow(msgspec.Struct, frozen=True, gc=False):
    """One row to insert, in the order of the table's columns."""

    stream: str
    seq: int
    event_id: UUID
    digest: bytes
    run: str
    type: str
    after_end: bool
    created_at: datetime
    body: str


class Known(msgspec.Struct, frozen=True, gc=False):
    """An event that is stored already."""

    seq: int
    digest: bytes
    after_end: bool
    body: str
