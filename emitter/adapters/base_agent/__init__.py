"""The old base class of agents, and the object that it told the bridge through."""

from emitter.adapters.base_agent.agent import BaseAgent
from emitter.adapters.base_agent.events import NoBridge, WebSocketBridgeAdapter
from emitter.adapters.base_agent.lifecycle import SubAgentLifecycle

__all__ = ["BaseAgent", "NoBridge", "SubAgentLifecycle", "WebSocketBridgeAdapter"]
