"""docs/adapters.md names every old call that emits."""

import re
from importlib import import_module

import pytest

from emitter.adapters.call import rows

from ..processes import PROJECT

GUIDE = (PROJECT / "docs" / "adapters.md").read_text()
FACES = {
    "unified emitter": ["unified_emitter.UnifiedWebSocketEmitter", "unified_emitter.AuthenticationWebSocketEmitter"],
    "bridge": ["agent_websocket_bridge.AgentWebSocketBridge"],
    "base class of agents": ["base_agent.BaseAgent"],
    "transparent emitter": ["transparent_websocket_events.TransparentWebSocketEmitter"],
}


def named(title: str) -> set[str]:
    """The calls in a face's table."""
    table = GUIDE.split(f"| {title} | event |\n| --- | --- |\n")[1].split("\n\n")[0]
    return {name for line in table.splitlines() for name in re.findall(r"`(\w+)`", line.split(" | ")[0])}


@pytest.mark.parametrize("title", FACES)
def test_every_call_that_emits_is_told(title) -> None:
    found = set()
    for path in FACES[title]:
        module, face = path.split(".")
        found |= set(rows(getattr(import_module(f"emitter.adapters.{module}"), face)))
    assert named(title) == found, f"Bring the table of the {title} in docs/adapters.md up to {sorted(found)}"


def test_every_import_works() -> None:
    lines = re.findall(r"`(from emitter\.adapters[^`]+)`", GUIDE)
    assert len(lines) == 5
    for line in lines:
        exec(line, {})
