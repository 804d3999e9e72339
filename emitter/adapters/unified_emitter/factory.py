"""Makes and keeps emitters, as the old code asked for them. An emitter holds nothing, so none needs to be kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any

from emitter.adapters.unified_emitter.authentication import AuthenticationWebSocketEmitter
from emitter.adapters.unified_emitter.emitter import UnifiedWebSocketEmitter, user_of


class WebSocketEmitterFactory:
    """Makes emitters."""

    @staticmethod
    def create_emitter(manager: Any, user_id: str, context: Any = None) -> UnifiedWebSocketEmitter:
        return UnifiedWebSocketEmitter(manager, user_id, context)

    create_performance_emitter = create_emitter

    @staticmethod
    def create_scoped_emitter(manager: Any, context: Any) -> UnifiedWebSocketEmitter:
        """Raises ``ValueError`` without a context that names a user."""
        return UnifiedWebSocketEmitter(manager, user_of(context), context)

    @staticmethod
    def create_auth_emitter(manager: Any, user_id: str, context: Any = None) -> AuthenticationWebSocketEmitter:
        return AuthenticationWebSocketEmitter(manager, user_id, context)


class WebSocketEmitterPool:
    """One emitter a user, at most ``max_size``; the one unused for longest makes room."""

    def __init__(self, manager: Any, max_size: int = 100) -> None:
        self.manager = manager
        self.max_size = max_size
        self._emitters: OrderedDict[str, UnifiedWebSocketEmitter] = OrderedDict()
        self._counts = dict.fromkeys(("acquisitions", "releases", "cache_hits", "cache_misses"), 0)
        self._lock = asyncio.Lock()

    async def acquire(self, user_id: str, context: Any = None) -> UnifiedWebSocketEmitter:
        """The user's emitter, counting anew; holders of one user's share it."""
        async with self._lock:
            self._counts["acquisitions"] += 1
            kept = self._emitters.get(user_id)
            self._counts["cache_misses" if kept is None else "cache_hits"] += 1
            if kept is None:
                kept = self._emitters[user_id] = UnifiedWebSocketEmitter(self.manager, user_id, context)
            elif context is not None:
                kept.set_context(context)
            self._emitters.move_to_end(user_id)
            while len(self._emitters) > self.max_size:
                await self._emitters.popitem(last=False)[1].cleanup()
            await kept.acquire()
            return kept

    async def release(self, emitter: UnifiedWebSocketEmitter) -> None:
        """Counts; the emitter stays in the pool."""
        self._counts["releases"] += 1
        await emitter.release()

    async def cleanup_inactive_emitters(self, max_age_seconds: int = 300) -> None:
        """Forgets emitters whose last critical event is older."""
        async with self._lock:
            now = datetime.now(UTC)
            for user, kept in list(self._emitters.items()):
                last = kept.metrics.last_event_time
                if last is not None and (now - last).total_seconds() > max_age_seconds:
                    await self._emitters.pop(user).cleanup()

    def get_statistics(self) -> dict[str, Any]:
        return {"pool_size": len(self._emitters), "max_size": self.max_size, **self._counts}

    async def shutdown(self) -> None:
        async with self._lock:
            for kept in self._emitters.values():
                await kept.cleanup()
            self._emitters.clear()
