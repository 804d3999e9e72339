"""The old bridge: addressed by the run's id."""

from emitter.adapters.agent_websocket_bridge.bridge import AgentWebSocketBridge, create_agent_websocket_bridge
from emitter.adapters.agent_websocket_bridge.integration import (
    HealthStatus,
    IntegrationConfig,
    IntegrationMetrics,
    IntegrationResult,
    IntegrationState,
)
from emitter.adapters.agent_websocket_bridge.orchestrator import RequestScopedOrchestrator, WebSocketNotifier

__all__ = [
    "AgentWebSocketBridge",
    "HealthStatus",
    "IntegrationConfig",
    "IntegrationMetrics",
    "IntegrationResult",
    "IntegrationState",
    "RequestScopedOrchestrator",
    "WebSocketNotifier",
    "create_agent_websocket_bridge",
]
