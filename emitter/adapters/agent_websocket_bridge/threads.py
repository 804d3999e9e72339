"""Whose a run is, as far as the old bridge could know it: by its context, by what was registered, by the log."""

from __future__ import annotations

import re
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any

from emitter.context import RunContext
from emitter.errors import EmitterError, EmitterUnavailable, EventRefused
from emitter.service import acontext_of

#: Most runs that are remembered.
MOST = 10_000

_RUN = re.compile(r"run_(?P<thread>.+)_\d+_[0-9A-Za-z-]+\Z")
_OWN_THREAD = ("websocket_factory_", "context_", "agent_")


def extract_thread_id(run_id: Any) -> str:
    """The thread that an old run id names; the run id itself when it names none."""
    if not isinstance(run_id, str):
        return ""
    if found := _RUN.match(run_id):
        return found["thread"]
    return f"thread_{run_id}" if run_id.startswith(_OWN_THREAD) else run_id


def _named_thread(run_id: str) -> str | None:
    found = _RUN.match(run_id)
    return None if found is None else f"thread_{found['thread'].removeprefix('thread_')}"


@dataclass(slots=True)
class Registry:
    """Threads that were registered by hand, at most ``MOST`` of them; the oldest make room."""

    runs: OrderedDict[str, tuple[str, dict[str, Any]]] = field(default_factory=OrderedDict)

    def put(self, run_id: str, thread_id: str, metadata: dict[str, Any] | None) -> None:
        self.runs[run_id] = (thread_id, dict(metadata or {}))
        while len(self.runs) > MOST:
            self.runs.popitem(last=False)


@dataclass(slots=True)
class Resolver:
    """Finds whose a run is. What the log says is remembered: a run never changes hands."""

    known: OrderedDict[str, RunContext] = field(default_factory=OrderedDict)
    sources: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    async def find(self, run_id: Any, bound: Any, registry: Registry | None) -> RunContext:
        """The run's user and thread; ``bound`` is the user's context for whom the caller speaks, if any.

        Raises ``bad_id``, ``unknown_run``, ``database_unavailable``.
        """
        began = time.perf_counter()
        try:
            if not isinstance(run_id, str) or run_id == "registry":
                raise EventRefused("bad_id", "The run id is no text, or the word 'registry', which is no run.")
            source, found = await self._find(run_id, bound, registry)
        except EmitterError as error:
            self.failures[error.code] += 1
            raise
        finally:
            self.seconds += time.perf_counter() - began
        self.sources[source] += 1
        return found

    async def _find(self, run_id: str, bound: Any, registry: Registry | None) -> tuple[str, RunContext]:
        user = getattr(bound, "user_id", None)
        if user and getattr(bound, "run_id", None) == run_id:
            return "context", RunContext(str(user), getattr(bound, "thread_id", None), run_id)
        thread, metadata = (registry.runs if registry is not None else {}).get(run_id, (None, {}))
        if thread is not None and (user or metadata.get("user_id")):
            return "registry", RunContext(str(user or metadata["user_id"]), thread, run_id)
        source = "known" if run_id in self.known else "log"
        try:
            owner = await self._owner(run_id)
        except (EventRefused, EmitterUnavailable) as error:
            if not user:
                raise
            # A new run of the user for whom the caller speaks; or the log cannot be asked, and will know its thread.
            is_new = isinstance(error, EventRefused)
            thread = _named_thread(run_id) or getattr(bound, "thread_id", None) if is_new else None
            return "context", RunContext(str(user), thread, run_id)
        return source, replace(owner, user_id=str(user)) if user else owner

    async def _owner(self, run_id: str) -> RunContext:
        if run_id not in self.known:
            self.known[run_id] = await acontext_of(run_id)
            if len(self.known) > MOST:
                self.known.popitem(last=False)
        return self.known[run_id]

    def metrics(self) -> dict[str, Any]:
        """The old bridge's counts of its look-ups."""
        good, bad = self.sources.total(), self.failures.total()
        return {
            "total_resolutions": good + bad,
            "successful_resolutions": good,
            "failed_resolutions": bad,
            "success_rate": good / (good + bad) if good + bad else 0.0,
            "avg_resolution_time_ms": 1000 * self.seconds / (good + bad) if good + bad else 0.0,
            "resolution_sources": dict(self.sources),
            "failure_sources": dict(self.failures),
            "metrics_available": good + bad > 0,
            "last_updated": time.time() if good + bad else None,
        }
