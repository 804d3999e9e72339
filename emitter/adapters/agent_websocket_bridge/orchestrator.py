"""The old bridge's helper for one request, and the thin notifier that it hands out."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from emitter.adapters.context import ExecutionContext

#: Types that are counted apart.
MOST_TYPES = 200


class DeliveryStats:
    """How many events of each type were taken, and how many not."""

    def __init__(self) -> None:
        self._by_type: defaultdict[str, dict[str, int]] = defaultdict(lambda: {"success": 0, "failed": 0})
        self._last: datetime | None = None

    def count(self, event_type: str, *, success: bool) -> None:
        if len(self._by_type) >= MOST_TYPES and event_type not in self._by_type:
            event_type = "other"
        self._by_type[event_type]["success" if success else "failed"] += 1
        self._last = datetime.now(UTC)

    def as_dict(self) -> dict[str, Any]:
        good = sum(counts["success"] for counts in self._by_type.values())
        bad = sum(counts["failed"] for counts in self._by_type.values())
        return {
            "total_events": good + bad,
            "successful_events": good,
            "failed_events": bad,
            "events_by_type": {event_type: dict(counts) for event_type, counts in self._by_type.items()},
            "last_tracked": self._last.isoformat() if self._last else None,
            "success_rate": round(100 * good / (good + bad), 2) if good + bad else 0.0,
        }


class WebSocketNotifier:
    """Tells what one execution thinks, through the emitter of its request."""

    def __init__(self, emitter: Any, exec_context: Any) -> None:
        self.emitter = emitter
        self.exec_context = exec_context
        self._stats = DeliveryStats()

    async def send_agent_thinking(self, exec_context: Any, message: str) -> None:
        await self.emitter.notify_agent_thinking(exec_context.agent_name, message, step_number=1)
        self._stats.count("agent_thinking", success=True)

    def get_event_delivery_stats(self) -> dict[str, Any]:
        return self._stats.as_dict()


class RequestScopedOrchestrator:
    """Begins and ends executions of one request."""

    def __init__(self, user_context: Any, emitter: Any, websocket_bridge: Any) -> None:
        self.user_context = user_context
        self.emitter = emitter
        self.websocket_bridge = websocket_bridge

    async def create_execution_context(
        self, agent_type: str, user_id: str, message: str, context: str | None = None
    ) -> tuple[ExecutionContext, WebSocketNotifier]:
        made = ExecutionContext(
            run_id=self.user_context.run_id,
            agent_name=agent_type,
            user_id=user_id,
            thread_id=self.user_context.thread_id,
            request_id=self.user_context.request_id,
            message=message,
            metadata={"context": context} if context else {},
        )
        return made, WebSocketNotifier(self.emitter, made)

    async def complete_execution(self, exec_context: Any, result: Any) -> None:
        """Ends the run with the result's text."""
        ending = {"status": "completed", "result": str(result), "run_id": exec_context.run_id}
        await self.emitter.notify_agent_completed(exec_context.agent_name, ending)
