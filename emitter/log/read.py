"""Reading the log. Each read is one statement on one connection; the async twin hands it over once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections, transaction

from emitter import blocking
from emitter.conf import conf
from emitter.cursor import StreamState
from emitter.log import boot
from emitter.log.append import create_streams, dialect
from emitter.models import Event, Run, RunState, Stream

#: Most events that one read gives.
PAGE = 256


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored event: its number, what filters look at, and its text."""

    seq: int
    type: str
    run: str
    body: str


def read_after(key: str, after: int, limit: int = PAGE) -> list[Stored]:
    """The next events of a stream after a number, in order, at most ``limit``."""
    rows = Event.objects.using(conf.database).filter(stream=key, seq__gt=after).order_by("seq")
    return [Stored(*row) for row in rows.values_list("seq", "type", "run", "body")[:limit]]


def recent_after(key: str, after: int, since: datetime, limit: int) -> int | None:
    """The first event after a number, among the newest ``limit``, that was emitted since then; ``None``: none was."""
    rows = Event.objects.using(conf.database).filter(stream=key, seq__gt=after).order_by("-seq")
    newest = rows.values_list("seq", "created_at")[:limit]
    return min((seq for seq, emitted_at in newest if emitted_at >= since), default=None)


async def aread_after(key: str, after: int, limit: int = PAGE) -> list[Stored]:
    """The async twin of :func:`read_after`."""
    return await blocking.run(read_after, key, after, limit)


def heads(keys: Collection[str]) -> dict[str, tuple[str, int]]:
    """Epoch and head of each of these streams that exists: the cheap look."""
    rows = Stream.objects.using(conf.database).filter(key__in=keys)
    return {key: (epoch, head) for key, epoch, head in rows.values_list("key", "epoch", "head")}


async def aheads(keys: Collection[str]) -> dict[str, tuple[str, int]]:
    """The async twin of :func:`heads`."""
    return await blocking.run(heads, keys)


def open_stream(key: str) -> StreamState:
    """A user's stream as it stands, made at the first look. The caller knows that the user exists."""
    boot.note_writer()
    state = _state(key)
    if state is None:
        connection = connections[conf.database]
        with transaction.atomic(using=conf.database):
            dialect(connection).claim(connection, [key], wait=True)
            if _state(key) is None:
                create_streams(connection, [key])
        state = _state(key)
    assert state is not None
    return state


def _state(key: str) -> StreamState | None:
    row = Stream.objects.using(conf.database).filter(key=key).values_list("epoch", "head", "pruned_to").first()
    return StreamState(*row) if row else None


def history(
    key: str, *, after: int = 0, limit: int = 100, run: str | None = None, event_type: str | None = None
) -> tuple[list[Stored], int]:
    """A page of a user's events in order, and the last number looked at, from which the next page goes on.

    A run's events lie between its first and its last number, so its filter reads that range only.
    """
    head = open_stream(key).head
    rows = Event.objects.using(conf.database).filter(stream=key, seq__gt=after, seq__lte=head)
    if run is not None:
        first = Run.objects.using(conf.database).filter(id=run, stream=key).values_list("first_seq", flat=True).first()
        rows = rows.filter(run=run, seq__gte=first) if first is not None else rows.none()
    if event_type is not None:
        rows = rows.filter(type=event_type)
    page = [Stored(*row) for row in rows.order_by("seq").values_list("seq", "type", "run", "body")[:limit]]
    return page, page[-1].seq if len(page) == limit else head


def ping() -> None:
    """Raises ``DatabaseError`` when the database is out of reach."""
    with connections[conf.database].cursor() as cursor:
        cursor.execute("SELECT 1")


def stream_keys() -> list[str]:
    """The user keys of all streams."""
    return list(Stream.objects.using(conf.database).order_by("key").values_list("key", flat=True))


def bodies_at(key: str, seqs: Collection[int]) -> dict[int, str]:
    """The texts of single events of a stream, by number."""
    rows = Event.objects.using(conf.database).filter(stream=key, seq__in=seqs)
    return dict(rows.values_list("seq", "body"))


def run_of(run: str) -> Run | None:
    """The run of this id; what cannot be an id has none."""
    if "\x00" in run:
        return None
    return Run.objects.using(conf.database).filter(id=run).first()


def running_keys() -> list[str]:
    """The user keys of all runs under way."""
    running = Run.objects.using(conf.database).filter(state=RunState.RUNNING)
    return list(running.order_by("stream").values_list("stream", flat=True).distinct())


def runs_of(key: str, limit: int = 50, **filters: Any) -> list[Run]:
    """A user's runs, newest first."""
    return list(Run.objects.using(conf.database).filter(stream=key, **filters).order_by("-first_seq")[:limit])
