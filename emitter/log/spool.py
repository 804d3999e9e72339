"""The local spool: where events wait, durably, while the database is away.

One SQLite file a process, written with ``synchronous=FULL``, so that what was put survives ``kill -9`` and a power cut.
A POSIX lock on a file beside it tells that its process lives; the next process adopts a spool whose lock is free.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

import msgspec

from emitter.errors import EmitterError, EmitterUnavailable
from emitter.log.entry import Entry, Unit

_SCHEMA = """
CREATE TABLE IF NOT EXISTS waiting (id INTEGER PRIMARY KEY AUTOINCREMENT, events INTEGER, entries BLOB);
CREATE TABLE IF NOT EXISTS aside (id INTEGER PRIMARY KEY, code TEXT, detail TEXT, entries BLOB);
"""
_decoder = msgspec.msgpack.Decoder(list[Entry])


@dataclass(frozen=True, slots=True)
class Waiting:
    """A unit in the spool, under its number there."""

    id: int
    unit: Unit


class Spool:
    """The spool of one process: units leave it in the order in which they came. Safe from any thread."""

    def __init__(self, path: Path, lock: IO[str], most_events: int) -> None:
        self.path = path
        self._lock_file = lock
        self._most_events = most_events
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(_SCHEMA)
        #: Units that wait, by user key.
        self._streams = Counter(entry.stream for waiting in self._read(-1) for entry in waiting.unit.entries)

    @property
    def depth(self) -> int:
        """Events that wait."""
        return self._streams.total()

    def holds(self, streams: Collection[str]) -> bool:
        """Whether an event of one of these users waits."""
        return any(self._streams[stream] for stream in streams)

    def set_aside(self) -> int:
        """Units that were refused when their turn came."""
        with self._lock:
            (count,) = self._connection.execute("SELECT count(*) FROM aside").fetchone()
        return int(count)

    def put(self, units: Sequence[Unit]) -> None:
        """Stores units, all or none. Raises ``EmitterUnavailable`` when the spool is full or cannot be written."""
        events = sum(len(unit.entries) for unit in units)
        with self._lock:
            if self.depth + events > self._most_events:
                raise EmitterUnavailable(
                    "spool_full", f"{self.depth:,} events wait for the database already; SPOOL_EVENTS is the limit."
                )
            rows = [(len(unit.entries), msgspec.msgpack.encode(unit.entries)) for unit in units]
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany("INSERT INTO waiting (events, entries) VALUES (?, ?)", rows)
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise EmitterUnavailable(
                    "spool_failed", f"The spool {self.path} cannot be written: {error}."
                ) from error
            self._streams.update(entry.stream for unit in units for entry in unit.entries)

    def first(self, units: int) -> list[Waiting]:
        """The units whose turn it is, without taking them out."""
        with self._lock:
            return list(self._read(units))

    def settle(self, done: Sequence[Waiting], refused: Sequence[tuple[Waiting, EmitterError]]) -> None:
        """Takes out what is stored, and puts what was refused aside with its code."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            for waiting, error in refused:
                self._connection.execute(
                    "INSERT INTO aside SELECT id, ?, ?, entries FROM waiting WHERE id = ?",
                    (error.code, error.detail, waiting.id),
                )
            gone = [*done, *(waiting for waiting, _ in refused)]
            self._connection.executemany("DELETE FROM waiting WHERE id = ?", [(waiting.id,) for waiting in gone])
            self._connection.execute("COMMIT")
            self._streams.subtract(entry.stream for waiting in gone for entry in waiting.unit.entries)

    def close(self) -> None:
        """Lets go of the spool. An empty one leaves no file behind."""
        with self._lock:
            (left,) = self._connection.execute(
                "SELECT (SELECT count(*) FROM waiting) + (SELECT count(*) FROM aside)"
            ).fetchone()
            self._connection.close()
        if not left:
            for path in self.path.parent.glob(f"{self.path.name}*"):
                path.unlink(missing_ok=True)
        self._lock_file.close()

    def _read(self, units: int) -> Iterator[Waiting]:
        rows = self._connection.execute("SELECT id, entries FROM waiting ORDER BY id LIMIT ?", (units,)).fetchall()
        for number, entries in rows:
            # Nobody knows whether an earlier try was committed, so its ids are looked up.
            yield Waiting(number, Unit(_decoder.decode(entries), retried=True))


def create(folder: Path, most_events: int) -> Spool:
    """A new spool for this process. Raises ``EmitterUnavailable`` when the folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Numbered, so that of two that are adopted the older one is drained first.
        number = 1 + max((int(path.name.partition("-")[0]) for path in folder.glob("*.sqlite3")), default=0)
        path = folder / f"{number:010}-{os.getpid()}-{uuid4().hex}.sqlite3"
        lock = _locked(path)
        assert lock is not None
        return Spool(path, lock, most_events)
    except (OSError, sqlite3.Error) as error:
        raise EmitterUnavailable("spool_failed", f"No spool can be made in {folder}: {error}.") from error


def adopt(folder: Path, own: Collection[Path], most_events: int) -> list[Spool]:
    """The spools of processes that are gone, which are now this process's, the oldest first."""
    adopted = []
    for path in sorted(folder.glob("*.sqlite3")):
        if path not in own and (lock := _locked(path)) is not None:
            adopted.append(Spool(path, lock, most_events))
    return adopted


def _locked(path: Path) -> IO[str] | None:
    """The open lock file of a spool, or ``None`` when its process lives. A fork does not inherit such a lock."""
    file = path.with_name(f"{path.name}.lock").open("a")
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file
