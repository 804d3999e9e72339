"""What this process counted of old calls, written down by a thread of ours twice a second.

Nobody waits for it: a call adds to a dictionary. The thread begins with the first call after a pause and ends when
nothing more comes; while the database is away what was counted waits in memory, within bounds.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic

from django.db import connections
from django.utils import timezone

from emitter import blocking
from emitter.conf import conf
from emitter.migration import differences, tallies
from emitter.migration.differences import Found
from emitter.migration.modes import Setting
from emitter.migration.rollback import watch
from emitter.migration.tallies import Tally
from emitter.models import Mode

logger = logging.getLogger("emitter")

#: Seconds between two writings.
GATHER_SECONDS = 0.5
#: Seconds after which writing is tried again when it failed.
PAUSE_SECONDS = 2.0
#: Differences that wait to be written; more of them are counted and not kept.
WAITING = 200


class Ledger:
    """One a process. ``watch`` is told which settings had calls, after these were written down."""

    def __init__(self, watch: Callable[[Setting], None]) -> None:
        self._watch = watch
        self.forget()
        os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Lets go of what was not written down."""
        self._lock = threading.Lock()
        self._tallies: dict[tuple[str, int, Mode], Tally] = {}
        self._found: deque[Found] = deque(maxlen=WAITING)
        self._writing = False
        self._not_before = 0.0

    def count(self, setting: Setting, mode: Mode, *, failed: bool = False, found: Found | None = None) -> None:
        """Counts a call, and keeps its differences when it had any."""
        with self._lock:
            self._add(Tally(setting, mode, 1, int(failed), int(found is not None)))
            if found is not None:
                self._found.append(found)
            if self._writing or monotonic() < self._not_before or not _has_threads():
                return
            self._writing = True
        try:
            blocking.pool("ledger", 1).submit(self._write_on)
        except RuntimeError:  # The interpreter is going down.
            self._writing = False

    def flush(self) -> None:
        """Writes down what there is, on this thread's connection. Raises what the database raises."""
        settings: dict[str, Setting] = {}
        while (tally := self._take()) is not None:
            try:
                tallies.add(tally, timezone.now())
            except Exception:
                with self._lock:
                    self._add(tally)
                raise
            settings[tally.setting.adapter] = tally.setting
        differences.store([self._found.popleft() for _ in range(len(self._found))])
        for setting in settings.values():
            self._watch(setting)

    def _write_on(self) -> None:
        """On our thread: gathers and writes until nothing comes."""
        ended = threading.Event()
        while True:
            ended.wait(GATHER_SECONDS)
            with self._lock:
                if not self._tallies:
                    self._writing = False
                    return
            try:
                blocking.on_own_connection(self.flush)
            except Exception as error:
                logger.warning("database_unavailable: tallies of old faces wait (%s)", type(error).__name__)
                with self._lock:
                    self._writing, self._not_before = False, monotonic() + PAUSE_SECONDS
                return

    def _take(self) -> Tally | None:
        with self._lock:
            return self._tallies.popitem()[1] if self._tallies else None

    def _add(self, more: Tally) -> None:
        known = self._tallies.setdefault((more.setting.adapter, more.setting.change, more.mode), more)
        if known is not more:
            known.calls += more.calls
            known.failures += more.failures
            known.differences += more.differences


def _has_threads() -> bool:
    """Whether other threads than the caller's may use the database; on a test database in memory none may."""
    settings = connections.settings[conf.database]
    name = str(settings["NAME"])
    return not (settings["ENGINE"].endswith("sqlite3") and (name == ":memory:" or "mode=memory" in name))


ledger = Ledger(watch)
