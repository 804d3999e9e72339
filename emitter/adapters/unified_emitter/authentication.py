"""``AuthenticationWebSocketEmitter``: tells how a sign-in goes, and whether that was stored."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from emitter.adapters.call import Told, answers
from emitter.adapters.unified_emitter.emitter import UnifiedWebSocketEmitter
from emitter.errors import EmitterError


class AuthenticationWebSocketError(Exception):
    """The old emitter raised this without a live connection. A stored event needs none, so nothing raises it now."""


@dataclass
class AuthenticationMetrics:
    """What the old emitter counted."""

    total_auth_events: int = 0
    successful_auth_deliveries: int = 0
    failed_auth_deliveries: int = 0
    connection_health_checks: int = 0
    fallback_escalations: int = 0


class AuthenticationWebSocketEmitter(UnifiedWebSocketEmitter):
    """An emitter whose ``auth_*`` events say whether they were stored."""

    def __init__(self, manager: Any, user_id: str, context: Any = None) -> None:
        super().__init__(manager, user_id, context)
        self.auth_metrics = AuthenticationMetrics()

    @answers(True, False)
    def emit_auth_event(self, event_type: str, data: dict[str, Any]) -> Told:
        return Told(event_type, data)

    async def ensure_auth_connection_health(self) -> None:
        """Counts the question. The user need not be connected to be told later."""
        self.auth_metrics.connection_health_checks += 1

    def get_auth_stats(self) -> dict[str, Any]:
        counts = self.auth_metrics
        rate = 100 * counts.successful_auth_deliveries / max(1, counts.total_auth_events)
        return {**self.get_stats(), "auth_metrics": asdict(counts), "auth_delivery_rate": rate}

    def _legacy_settled(self, event_type: str, error: EmitterError | None) -> None:
        super()._legacy_settled(event_type, error)
        if event_type in self.AUTHENTICATION_CRITICAL_EVENTS:
            self.auth_metrics.total_auth_events += 1
            self.auth_metrics.successful_auth_deliveries += error is None
            self.auth_metrics.failed_auth_deliveries += error is not None
