"""What leaves the log, and when its numbers stop meaning what they meant. Everything else only adds.

Each step is a transaction of its own that locks one stream, deletes a bounded range of its keys and says how far it
went (``pruned_to``), so a reader sees either the event or the mark, and a stop in between leaves a sound log.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec
from django.db import connections, transaction
from django.db.models import QuerySet

from emitter.conf import conf
from emitter.cursor import Growth
from emitter.log.append import dialect
from emitter.log.epoch import new_epoch as epoch_after
from emitter.log.usage import prune_usage
from emitter.models import (
    Budget,
    BudgetNotice,
    DailyUsage,
    Device,
    Event,
    EventUsage,
    Refusal,
    RollUp,
    Run,
    RunUsage,
    Stream,
    Ticket,
)

#: Most events that one step deletes.
STEP = 1_000
#: What is kept of a user besides stream and events.
OF_USER = (Run, RunUsage, EventUsage, DailyUsage, RollUp, Budget, BudgetNotice, Device, Ticket, Refusal)


def prune(key: str, before: datetime, step: int = STEP) -> Iterator[int]:
    """Deletes a stream's oldest events emitted before a moment; yields how many after each step.

    Only a prefix goes: an event emitted in time keeps what follows it, whatever the clocks said. What the events took
    in tokens goes with them once it is rolled up, and stays till then.
    """
    while deleted := _prune_step(key, before, step):
        yield deleted


def _prune_step(key: str, before: datetime, step: int) -> int:
    with transaction.atomic(using=conf.database):
        stream = _locked(key)
        if stream is None:
            return 0
        oldest = _events(key).filter(seq__gt=stream.pruned_to).order_by("seq").values_list("seq", "created_at")[:step]
        old = 0
        for seq, created_at in oldest:
            if created_at >= before:
                break
            old = seq
        if not old:
            return 0
        _events(key).filter(seq__gt=stream.pruned_to, seq__lte=old).delete()
        _streams().filter(key=key).update(pruned_to=old)
        prune_usage(key, old)
        return old - stream.pruned_to


def new_epoch(key: str) -> Growth | None:
    """Gives a stream another identity; numbers go on. For a log that was restored from a backup.

    Clients that come with the old epoch get a ``gap``, never another event under a number they had. Returns the news to
    ring, ``None`` when there is no such stream.
    """
    with transaction.atomic(using=conf.database):
        stream = _locked(key)
        if stream is None:
            return None
        epoch = epoch_after(stream.epoch)
        _streams().filter(key=key).update(epoch=epoch)
        return Growth(key, epoch, stream.head, stream.head)


def erase(key: str, step: int = STEP) -> Iterator[int]:
    """Deletes a user's events, runs, usage, devices, tickets and at last the stream; yields the events of each step.

    Yields the events deleted in each step. A key that is used again gets a stream with a new epoch.
    """
    while deleted := _erase_step(key, step):
        yield deleted
    with transaction.atomic(using=conf.database):
        if _locked(key) is not None:
            _events(key).delete()
            for model in OF_USER:
                model._default_manager.using(conf.database).filter(stream=key).delete()
            _streams().filter(key=key).delete()


def _erase_step(key: str, step: int) -> int:
    with transaction.atomic(using=conf.database):
        if _locked(key) is None:
            return 0
        seqs = list(_events(key).order_by("seq").values_list("seq", flat=True)[:step])
        if not seqs:
            return 0
        _events(key).filter(seq__lte=seqs[-1]).delete()
        EventUsage.objects.using(conf.database).filter(stream=key, seq__lte=seqs[-1]).delete()
        _streams().filter(key=key).update(pruned_to=seqs[-1])
        return len(seqs)


def redact(key: str, seq: int) -> bool:
    """Empties the payload of one event in place; its number and all else stay. False when there is no such event."""
    with transaction.atomic(using=conf.database):
        _locked(key)
        row = _events(key).filter(seq=seq).first()
        if row is None:
            return False
        body = msgspec.json.decode(row.body)
        body["payload"] = {"redacted": True}
        _events(key).filter(seq=seq).update(body=msgspec.json.encode(body).decode())
        return True


def _locked(key: str) -> Stream | None:
    connection = connections[conf.database]
    dialect(connection).lock_streams(connection, [key], wait=True)
    return _streams().filter(key=key).first()


def _streams() -> QuerySet[Stream]:
    return Stream.objects.using(conf.database)


def _events(key: str) -> QuerySet[Event]:
    return Event.objects.using(conf.database).filter(stream=key)
