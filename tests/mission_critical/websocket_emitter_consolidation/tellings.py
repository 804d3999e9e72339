"""How each old face tells the five events of a run: the method, and what it is called with.

The competing emitters and the faces of today have the same methods, which is what the faces are for.
"""

import re
from collections.abc import Callable
from typing import Any

Arguments = Callable[[str, dict[str, str]], tuple[Any, ...]]

CALLS: dict[str, dict[str, tuple[str, Arguments]]] = {
    "unified_emitter": {
        "agent_started": ("notify_agent_started", lambda run, said: ("analyst", said)),
        "agent_thinking": ("notify_agent_thinking", lambda run, said: ("analyst", said["text"])),
        "tool_executing": ("notify_tool_executing", lambda run, said: ("search", said)),
        "tool_completed": ("notify_tool_completed", lambda run, said: ("search", said)),
        "agent_completed": ("notify_agent_completed", lambda run, said: ("analyst", said)),
    },
    "agent_websocket_bridge": {
        "agent_started": ("notify_agent_started", lambda run, said: (run, "analyst", said)),
        "agent_thinking": ("notify_agent_thinking", lambda run, said: (run, "analyst", said["text"])),
        "tool_executing": ("notify_tool_executing", lambda run, said: (run, "analyst", "search", said)),
        "tool_completed": ("notify_tool_completed", lambda run, said: (run, "analyst", "search", said)),
        "agent_completed": ("notify_agent_completed", lambda run, said: (run, "analyst", said)),
    },
    "base_agent": {
        "agent_started": ("emit_agent_started", lambda run, said: (said["text"],)),
        "agent_thinking": ("emit_thinking", lambda run, said: (said["text"],)),
        "tool_executing": ("emit_tool_executing", lambda run, said: ("search", said)),
        "tool_completed": ("emit_tool_completed", lambda run, said: ("search", said)),
        "agent_completed": ("emit_agent_completed", lambda run, said: (said,)),
    },
    "transparent_websocket_events": {
        "agent_started": ("emit_agent_started", lambda run, said: ("analyst", said["text"])),
        "agent_thinking": ("emit_agent_thinking", lambda run, said: (said["text"],)),
        "tool_executing": ("emit_tool_executing", lambda run, said: ("search", said["text"])),
        "tool_completed": ("emit_tool_completed", lambda run, said: ("search", said)),
        "agent_completed": ("emit_agent_completed", lambda run, said: (said,)),
    },
}


def tell(face: str, object_: Any, moment: str, run: str, owner: str) -> Any:
    """Calls the old method on an emitter or a face; what it tells says whose it is. Returns what the method does."""
    method, arguments = CALLS[face][moment]
    return getattr(object_, method)(*arguments(run, {"text": f"told to {owner}."}))


def owner_in(text: str) -> str:
    """Whose an event is, by what it tells."""
    found = re.search(r"told to ([^.]+)\.", text)
    return found[1] if found else "nobody"
