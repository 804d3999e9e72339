"""What the old emitter kept beside sending: its counts, its tokens, its tier. Nothing here emits."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from emitter.adapters.call import Face
from emitter.errors import EmitterError
from emitter.events import CRITICAL
from emitter.policy.tiers import remembered

JsonDict = dict[str, Any]


@dataclass
class EmitterMetrics:
    """What the old emitter counted."""

    total_events: int = 0
    critical_events: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CRITICAL, 0))
    error_count: int = 0
    retry_count: int = 0
    last_event_time: datetime | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


class EmitterState(Face):
    """The part of an emitter that only keeps state."""

    adapter = "unified_emitter"

    def __init__(self, manager: Any, user_id: str, context: Any = None) -> None:
        super().__init__()
        self.manager = manager
        self.user_id = user_id
        self.context = context
        self.metrics = EmitterMetrics()
        self._own_run = ""
        self._tier: str | None = None
        self._tokens = {"total_operations": 0, "total_input_tokens": 0, "total_output_tokens": 0, "total_cost": 0.0}
        self._began = time.monotonic()

    def _legacy_settled(self, event_type: str, error: EmitterError | None) -> None:
        counts = self.metrics
        if error is not None or event_type == "agent_error":
            counts.error_count += 1
        elif event_type != "progress_update":
            counts.total_events += 1
        if error is None and event_type in CRITICAL:
            counts.critical_events[event_type] += 1
            counts.last_event_time = datetime.now(UTC)

    async def acquire(self) -> None:
        """Counts from the beginning."""
        self.metrics = EmitterMetrics()

    async def release(self) -> None:
        """Nothing is held: each event was stored when its call came back."""

    async def cleanup(self) -> None:
        """Nothing is held."""

    def get_stats(self) -> JsonDict:
        counts = self.metrics
        return {
            "user_id": self.user_id,
            "total_events": counts.total_events,
            "critical_events": dict(counts.critical_events),
            "error_count": counts.error_count,
            "retry_count": counts.retry_count,
            "last_event_time": counts.last_event_time.isoformat() if counts.last_event_time else None,
            "uptime_seconds": time.monotonic() - self._began,
            "has_context": self.context is not None,
            "user_tier": self.get_user_tier(),
            "is_priority_user": self.is_priority_user(),
            "token_metrics": self.get_token_metrics(),
        }

    def get_context(self) -> Any:
        return self.context

    def set_context(self, context: Any) -> None:
        self.context = context

    def update_token_metrics(
        self, input_tokens: int, output_tokens: int, cost: float, operation: str = "unknown"
    ) -> None:
        """Adds to this emitter's own sums. What a run costs is counted from the ``usage`` of its events."""
        self._tokens["total_operations"] += 1
        self._tokens["total_input_tokens"] += input_tokens
        self._tokens["total_output_tokens"] += output_tokens
        self._tokens["total_cost"] += cost

    def get_token_metrics(self) -> JsonDict:
        sums, calls = self._tokens, max(1, self._tokens["total_operations"])
        return {
            **sums,
            "average_tokens_per_operation": (sums["total_input_tokens"] + sums["total_output_tokens"]) / calls,
            "average_cost_per_operation": sums["total_cost"] / calls,
        }

    def set_user_tier(self, user_tier: str) -> None:
        """Changes what :meth:`get_user_tier` says of this emitter, and nothing else: tiers are the policy's."""
        self._tier = user_tier

    def get_user_tier(self) -> str:
        """The tier that was set here, else the policy's, as far as it is known at once."""
        return self._tier or remembered(str(self.user_id)).name

    def is_priority_user(self) -> bool:
        return self.get_user_tier() == "enterprise"
