"""What the old bridge kept beside sending: its state, its health and who watches it. Nothing here emits."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from emitter.adapters.agent_websocket_bridge.threads import Registry, Resolver
from emitter.adapters.call import Face
from emitter.context import RunContext
from emitter.service import emitter

logger = logging.getLogger("emitter")

COMPONENT = "agent_websocket_bridge"
#: Seconds after which observers are told again although nothing has changed.
BROADCAST_SECONDS = 30.0


class IntegrationState(Enum):
    """Where a bridge is. An ``uninitialized`` one emits as well."""

    UNINITIALIZED = "uninitialized"
    INITIALIZING = "initializing"
    ACTIVE = "active"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass
class IntegrationConfig:
    """Kept because callers read it."""

    initialization_timeout_s: int = 30
    health_check_interval_s: int = 60
    recovery_max_attempts: int = 3
    recovery_base_delay_s: float = 1.0
    recovery_max_delay_s: float = 30.0


@dataclass
class IntegrationResult:
    """How an initialisation or a recovery went."""

    success: bool
    state: IntegrationState
    error: str | None = None
    duration_ms: float = 0.0
    recovery_attempted: bool = False


@dataclass
class HealthStatus:
    """How a bridge is. ``websocket_manager_healthy``: emits reach the database."""

    state: IntegrationState = IntegrationState.UNINITIALIZED
    websocket_manager_healthy: bool = True
    registry_healthy: bool = True
    last_health_check: datetime = field(default_factory=lambda: datetime.now(UTC))
    consecutive_failures: int = 0
    total_recoveries: int = 0
    uptime_seconds: float = 0.0
    error_message: str | None = None


@dataclass
class IntegrationMetrics:
    """What the old bridge counted of itself."""

    total_initializations: int = 0
    successful_initializations: int = 0
    failed_initializations: int = 0
    recovery_attempts: int = 0
    successful_recoveries: int = 0
    health_checks_performed: int = 0


class Integration(Face):
    """The part of a bridge that only keeps state."""

    adapter = "agent_websocket_bridge"

    def __init__(self, user_context: Any = None) -> None:
        super().__init__()
        self.user_context = user_context
        self.config = IntegrationConfig()
        self.state = IntegrationState.UNINITIALIZED
        self.metrics = IntegrationMetrics()
        self.health_status = HealthStatus()
        self.is_connected = True
        self.initialization_lock, self.recovery_lock, self.health_lock = (asyncio.Lock() for _ in range(3))
        self._began: float | None = None
        self._manager: Any = None
        self._supervisor: Any = None
        self._agent_registry: Any = None
        self._threads: Registry | None = None
        self._resolver = Resolver()
        self._observers: list[Any] = []
        self._told_at = 0.0

    @property
    def websocket_manager(self) -> Any:
        """The old manager, kept for who reads it. What carries events is the emitter's business."""
        return self._manager

    @websocket_manager.setter
    def websocket_manager(self, manager: Any) -> None:
        if manager is not None and not hasattr(manager, "send_to_thread"):
            raise ValueError("This is no websocket manager: it has no send_to_thread.")
        self._manager = manager

    async def _whose(self, run_id: Any, bound: Any) -> RunContext:
        """Whose a run is, for a caller who speaks for ``bound``."""
        return await self._resolver.find(run_id, bound or self.user_context, self._threads)

    @property
    def user_id(self) -> str | None:
        """The user for whom the bridge was made."""
        return getattr(self.user_context, "user_id", None)

    @property
    def registry(self) -> Any:
        """The agents' registry that was given to :meth:`ensure_integration`."""
        return self._agent_registry

    async def ensure_integration(
        self, supervisor: Any = None, registry: Any = None, force_reinit: bool = False
    ) -> IntegrationResult:
        """Makes the bridge active, and lets runs be registered. Never raises."""
        async with self.initialization_lock:
            began = time.perf_counter()
            if self.state is IntegrationState.ACTIVE and not force_reinit:
                return IntegrationResult(True, self.state)
            self._supervisor, self._agent_registry = supervisor, registry
            self._manager = None
            self._threads = self._threads or Registry()
            self._began = self._began or time.monotonic()
            self.metrics.total_initializations += 1
            self.metrics.successful_initializations += 1
            self.state = IntegrationState.ACTIVE
            return IntegrationResult(True, self.state, duration_ms=1000 * (time.perf_counter() - began))

    async def recover_integration(self) -> IntegrationResult:
        """Initialises anew. The emitter recovers by itself, so nothing else has to."""
        async with self.recovery_lock:
            self.metrics.recovery_attempts += 1
            result = await self.ensure_integration(self._supervisor, self._agent_registry, force_reinit=True)
            self.metrics.successful_recoveries += 1
            self.health_status.total_recoveries += 1
            result.recovery_attempted = True
            return result

    async def shutdown(self) -> None:
        """Forgets what was registered and who watches."""
        self._manager = self._supervisor = self._agent_registry = self._threads = self._began = None
        self._observers.clear()
        self.state = IntegrationState.UNINITIALIZED

    # Health -----------------------------------------------------------------------------------------------------------

    async def health_check(self) -> HealthStatus:
        """Looks whether emits reach the database, and tells the observers what is new."""
        async with self.health_lock:
            away, before, last = emitter.spool.away, self.state, self.health_status
            if before is not IntegrationState.UNINITIALIZED:
                self.state = IntegrationState.DEGRADED if away else IntegrationState.ACTIVE
            self.metrics.health_checks_performed += 1
            self.health_status = HealthStatus(
                self.state,
                websocket_manager_healthy=not away,
                consecutive_failures=last.consecutive_failures + 1 if away else 0,
                total_recoveries=last.total_recoveries,
                uptime_seconds=self._uptime(),
                error_message="The database is away; events wait in the spool." if away else None,
            )
            await self._tell_observers(changed=before is not self.state)
            return self.health_status

    def register_monitor_observer(self, observer: Any) -> None:
        if observer not in self._observers:
            self._observers.append(observer)

    def remove_monitor_observer(self, observer: Any) -> None:
        if observer in self._observers:
            self._observers.remove(observer)

    async def _tell_observers(self, *, changed: bool) -> None:
        if not changed and time.monotonic() - self._told_at < BROADCAST_SECONDS:
            return
        self._told_at = time.monotonic()
        data = {
            "component_id": COMPONENT,
            **self._health(),
            "change_type": "health_change" if changed else "periodic_update",
        }
        for observer in list(self._observers):
            try:
                told = observer.on_component_health_change(COMPONENT, data)
                if inspect.isawaitable(told):
                    await told
            except Exception:
                logger.exception("adapter_failed: an observer of the bridge failed")

    # Telling of itself ------------------------------------------------------------------------------------------------

    def _uptime(self) -> float:
        return time.monotonic() - self._began if self._began is not None else 0.0

    def _health(self) -> dict[str, Any]:
        status = self.health_status
        return {
            "healthy": status.websocket_manager_healthy and status.registry_healthy,
            "state": self.state.value,
            "timestamp": time.time(),
            "websocket_manager_healthy": status.websocket_manager_healthy,
            "registry_healthy": status.registry_healthy,
            "consecutive_failures": status.consecutive_failures,
            "uptime_seconds": self._uptime(),
            "last_health_check": status.last_health_check.isoformat(),
            "error_message": status.error_message,
            "total_recoveries": status.total_recoveries,
        }

    async def get_health_status(self) -> dict[str, Any]:
        await self.health_check()
        return self._health()

    async def get_metrics(self) -> dict[str, Any]:
        counts = self.metrics
        return {
            **asdict(counts),
            "success_rate": counts.successful_initializations / max(1, counts.total_initializations),
            "recovery_success_rate": counts.successful_recoveries / counts.recovery_attempts
            if counts.recovery_attempts
            else 1.0,
            "current_state": self.state.value,
            "current_uptime_seconds": self._uptime(),
            "uptime_start": self._began,
            "registered_observers": len(self._observers),
            "last_health_broadcast": self._told_at,
            "health_broadcast_interval": BROADCAST_SECONDS,
            **self._available(),
            "metrics_timestamp": time.time(),
        }

    async def get_status(self) -> dict[str, Any]:
        health = self._health()
        names = ("initialization_timeout_s", "health_check_interval_s", "recovery_max_attempts")
        return {
            "state": self.state.value,
            "health": {key: value for key, value in health.items() if key not in ("healthy", "state", "timestamp")},
            "metrics": {
                **asdict(self.metrics),
                "success_rate": self.metrics.successful_initializations / max(1, self.metrics.total_initializations),
            },
            "config": {name: getattr(self.config, name) for name in names},
            "dependencies": {**self._available(), "orchestrator_factory_available": True},
        }

    def _available(self) -> dict[str, bool]:
        return {
            "websocket_manager_available": self._manager is not None,
            "supervisor_available": self._supervisor is not None,
            "registry_available": self._agent_registry is not None,
        }
