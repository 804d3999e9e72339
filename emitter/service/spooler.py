"""When the database is away: events go to the local spool, and from there into the log when it is back.

It turns ``away`` on when an emit has tried in vain until its deadline; from then on emits are spooled at once, until a
probe succeeds. While events of a user wait here, that user's later events of this process queue behind them, so their
order stays. Before its first emit a process adopts what processes that are gone have left, and queues behind that too.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Collection, Sequence
from hashlib import sha256
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, Error, connections

from emitter import blocking, log, metrics
from emitter.conf import conf
from emitter.errors import EmitterError, EmitterUnavailable
from emitter.log import spool
from emitter.log.append import Appended
from emitter.log.entry import Outcome, Receipt, Unit
from emitter.log.spool import Spool, Waiting
from emitter.policy import refusals
from emitter.service.about import about

logger = logging.getLogger("emitter")

#: Seconds between two looks whether the database is back.
PROBE_SECONDS = 0.5
#: Units that are drained in one commit.
DRAIN_UNITS = 500


class Spooler:
    """The spools of one process: its own, and those that it has adopted."""

    def __init__(self, commit: Callable[[Sequence[Unit]], Appended], announce: Callable[[Appended], None]) -> None:
        self._commit = commit
        self._announce = announce
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self.away = False
        self._looked = False
        self._own: Spool | None = None
        self._adopted: list[Spool] = []
        self._lock = threading.RLock()
        self._back = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def depth(self) -> int:
        """Events that wait in this process's spools."""
        return sum(one.depth for one in self._spools())

    def status(self) -> dict[str, int | bool]:
        """For ``readyz``."""
        return {
            "away": self.away,
            "waiting": self.depth,
            "set_aside": sum(one.set_aside() for one in self._spools()),
        }

    @property
    def in_use(self) -> bool:
        """Whether :meth:`takes` may be true of anybody."""
        return self.away or bool(self._spools())

    def notice_away(self) -> None:
        """The database did not answer for the whole of an emit's deadline."""
        if self.folder() is not None and not self.away:
            self.away = True
            logger.error("database_away: emits go to the spool until the database answers")

    def takes(self, streams: Collection[str]) -> bool:
        """Whether events of these users have to be spooled now."""
        return self.away or any(one.holds(streams) for one in self._spools())

    def put(self, units: Sequence[Unit]) -> list[Outcome]:
        """Spools units; their receipts say so. Raises ``EmitterUnavailable`` when that fails too."""
        folder = self.folder()
        if folder is None:
            raise EmitterUnavailable("database_unavailable", "The database is away, and SPOOL_FOLDER is not set.")
        with self._lock:
            if self._own is None:
                self._own = spool.create(folder, conf.spool_events)
            self._own.put(units)
            metrics.SPOOL_DEPTH.set(self.depth)
            self._ensure_draining()
        metrics.SPOOLED.inc(sum(len(unit.entries) for unit in units))
        return [[Receipt(entry.event_id, None, spooled=True) for entry in unit.entries] for unit in units]

    def adopt_first(self) -> None:
        """:meth:`adopt`, once, before this process emits anything. A spool that cannot be read stays where it is."""
        if self._looked:
            return
        self._looked = True
        try:
            self.adopt()
        except Exception:
            logger.exception("spool_failed: what processes that are gone have left cannot be read")

    def adopt(self) -> int:
        """Takes over what processes that are gone have left. Returns how many spools."""
        folder = self.folder()
        if folder is None or not folder.is_dir():
            return 0
        with self._lock:
            found = spool.adopt(folder, {one.path for one in self._spools()}, conf.spool_events)
            self._adopted += found
            if found:
                logger.warning("spool_adopted: %d spools of processes that are gone", len(found))
                self._ensure_draining()
        return len(found)

    def drain(self) -> bool:
        """Stores what waits, in order, as far as the log takes it now. True when nothing is left."""
        if self.depth == 0:
            log.ping()
            self.away = False
        for one in self._spools():
            while (waiting := one.first(DRAIN_UNITS)) and self._drain_some(one, waiting):
                metrics.SPOOL_DEPTH.set(self.depth)
            if one.depth:
                break  # A newer one may hold later events of the same users.
        return self.depth == 0

    def folder(self) -> Path | None:
        """In ``SPOOL_FOLDER``, one for each database: what waits for one must never be drained into another."""
        if conf.spool_folder is None:
            return None
        database = connections[conf.database].settings_dict
        place = "\n".join(str(database.get(name, "")) for name in ("ENGINE", "HOST", "PORT", "NAME"))
        name = sha256(place.encode()).hexdigest()[:16]
        return Path(getattr(settings, "BASE_DIR", "")) / conf.spool_folder / name

    def _spools(self) -> list[Spool]:
        """The oldest first."""
        return self._adopted + ([self._own] if self._own is not None else [])

    def _drain_some(self, one: Spool, waiting: list[Waiting]) -> bool:
        """One commit of waiting units. False when all of them were busy."""
        done, refused = [], []
        for place, outcome in zip(waiting, self._outcomes(waiting), strict=True):
            if isinstance(outcome, EmitterError):
                for entry in place.unit.entries:
                    logger.error(
                        "%s: run %s, event %s was refused on leaving the spool and is set aside",
                        outcome.code,
                        entry.run,
                        entry.event_id,
                    )
                with refusals.came_by("spool"):
                    refusals.note(outcome, about(place.unit, outcome))
                refused.append((place, outcome))
            elif outcome is not None:
                done.append(place)
        one.settle(done, refused)
        return bool(done or refused)

    def _outcomes(self, waiting: list[Waiting]) -> list[Outcome | None]:
        """What the log says to each unit; one that the database refuses is found by asking for each alone."""
        try:
            appended = self._commit([place.unit for place in waiting])
        except DatabaseError as error:
            if log.dialect(connections[conf.database]).is_passing(error):
                raise
            if len(waiting) == 1:
                return [EmitterError("database_error", f"The database refused the event: {error}")]
            return self._one_by_one(waiting)
        self.away = False
        self._announce(appended)
        return appended.outcomes

    def _one_by_one(self, waiting: list[Waiting]) -> list[Outcome | None]:
        """Stops at the first that is busy, so that nothing overtakes it."""
        outcomes: list[Outcome | None] = []
        for place in waiting:
            outcomes += self._outcomes([place])
            if outcomes[-1] is None:
                break
        return outcomes + [None] * (len(waiting) - len(outcomes))

    def _ensure_draining(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._drain_until_empty, name="emitter-spool", daemon=True)
            self._thread.start()

    def _drain_until_empty(self) -> None:
        while True:
            try:
                blocking.on_own_connection(self.drain)
            except Error as error:
                logger.warning("database_unavailable: %d spooled events wait (%s)", self.depth, type(error).__name__)
            except Exception:
                logger.exception("spool_failed: draining failed and is tried again")
            finally:
                connections.close_all()
            with self._lock:
                if self.depth == 0 and not self.away:
                    metrics.SPOOL_DEPTH.set(0)
                    self._let_go()
                    self._thread = None
                    return
            self._back.wait(PROBE_SECONDS)

    def _let_go(self) -> None:
        """Closes the spools, which are empty; only what was set aside stays on the disk."""
        for one in self._spools():
            one.close()
        self._own = None
        self._adopted.clear()
