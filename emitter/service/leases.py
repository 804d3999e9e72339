"""Keeps the leases of the runs that this process works on, and learns when somebody else has ended one."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

from django.db import Error, connections

from emitter import blocking
from emitter.log.leases import renew

logger = logging.getLogger("emitter")

#: Seconds between two renewals; a lease is good for six of them.
RENEW_SECONDS = 5.0


class LeaseKeeper:
    """One thread, which lives while runs are open and keeps no connection between two rounds."""

    def __init__(self) -> None:
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._held: dict[str, Callable[[], None]] = {}
        self._thread: threading.Thread | None = None

    def hold(self, run: str, ended: Callable[[], None]) -> None:
        """Renews the run's lease from now on. ``ended`` is called, on another thread, when somebody else ends it."""
        with self._changed:
            self._held[run] = ended
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep, name="emitter-leases", daemon=True)
                self._thread.start()

    def release(self, run: str) -> None:
        """The run has ended."""
        with self._changed:
            self._held.pop(run, None)
            self._changed.notify_all()

    def round(self) -> None:
        """Renews all leases once."""
        with self._changed:
            held = dict(self._held)
        for run in renew(held):
            with self._changed:
                ended = self._held.pop(run, None)
            # A run that ended by itself was released before its end was stored.
            if ended is not None:
                ended()

    def _keep(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._held, RENEW_SECONDS)
                if not self._held:
                    self._thread = None
                    return
            try:
                blocking.on_own_connection(self.round)
            except Error as error:
                logger.warning("database_unavailable: leases were not renewed (%s)", type(error).__name__)
            finally:
                connections.close_all()


keeper = LeaseKeeper()
