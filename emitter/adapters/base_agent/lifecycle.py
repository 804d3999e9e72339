"""The small life of an old agent. Pure."""

from __future__ import annotations

from enum import Enum


class SubAgentLifecycle(Enum):
    """Where an agent is in its life."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SHUTDOWN = "shutdown"


_P, _R, _C, _F, _S = SubAgentLifecycle
#: What may follow what.
NEXT = {_P: {_R, _F, _S}, _R: {_R, _C, _F, _S}, _F: {_P, _R, _S}, _C: {_S}, _S: set[SubAgentLifecycle]()}


def check_step(now: SubAgentLifecycle, new: SubAgentLifecycle) -> None:
    """Raises ``ValueError`` for a step that no life takes."""
    if new not in NEXT[now]:
        allowed = ", ".join(sorted(state.value for state in NEXT[now])) or "nothing"
        raise ValueError(f"An agent that is {now.value} cannot become {new.value}; it may become {allowed}.")
