"""After a power cut, numbers may name other events: what SQLite may lose, and how a log finds out.

With ``synchronous=NORMAL`` a commit survives the end of any process, but the last ones may be gone when the machine
itself stops. Then a number that a client has seen is given again. So each process that writes says so in the log,
under the machine's boot id, and takes it back when it ends after a checkpoint. Whoever finds a writer of another boot
gives every stream a new epoch. With ``synchronous=FULL`` nothing is lost, and nothing of this happens.
"""

from __future__ import annotations

import atexit
import logging
import os
from pathlib import Path

from django.db import Error, connections, transaction
from django.db.models import Max

from emitter.conf import conf
from emitter.log.epoch import new_epoch
from emitter.models import Stream, Writer

logger = logging.getLogger("emitter")

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_FULL = 2
_noted: set[int] = set()


def boot_id() -> str:
    """Which start of the machine this is; the same for all processes until it is started again."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"


def note_writer() -> None:
    """Says, once a process, that it writes; and begins new epochs when a writer of another boot never ended.

    Inside a caller's transaction the note may be rolled back, so it is looked for again at the next emit.
    """
    if os.getpid() in _noted:
        return
    connection = connections[conf.database]
    committed = not connection.in_atomic_block
    if connection.vendor == "sqlite" and _may_lose():
        with transaction.atomic(using=conf.database, savepoint=False):
            _note(boot_id())
    if committed:
        _noted.add(os.getpid())


def take_back(pid: int, database: str) -> None:
    """At a clean end: all is on the disk, so this process is no reason to doubt the log."""
    if pid != os.getpid() or database != _database():
        return
    try:
        with connections[conf.database].cursor() as cursor:
            Writer.objects.using(conf.database).filter(pid=pid).delete()
            cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
    except Error:
        logger.warning("unclean_stop: the log could not be told that process %d ends", pid)
    _noted.discard(pid)


def _database() -> str:
    return str(connections[conf.database].settings_dict["NAME"])


def _may_lose() -> bool:
    with connections[conf.database].cursor() as cursor:
        (level,) = cursor.execute("PRAGMA synchronous").fetchone()
    return int(level) < _FULL


def _note(boot: str) -> None:
    writers = Writer.objects.using(conf.database)
    if writers.filter(pid=os.getpid(), boot=boot).exists():
        return
    doubtful = writers.exclude(boot=boot)
    if doubtful.exists():
        streams = Stream.objects.using(conf.database)
        changed = streams.update(epoch=new_epoch(streams.aggregate(latest=Max("epoch"))["latest"]))
        doubtful.delete()
        logger.error("power_cut: the machine stopped under a writer; %d streams begin a new epoch", changed)
    writers.update_or_create(pid=os.getpid(), defaults={"boot": boot})
    atexit.register(take_back, os.getpid(), _database())
