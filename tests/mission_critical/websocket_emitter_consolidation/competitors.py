"""The four emitters as they competed: the frames of :mod:`tests.migration.old_wire`, each on its own way to a socket.

Where one of them was broken by an accident (an indentation, a keyword), it does here what it was meant to do: the
faults that phase 1 shows are those of the design.
"""

from types import SimpleNamespace
from typing import Any

from tests.migration.old_wire import OldAgent, OldBridge, OldTransparent, OldUnified

from .faults import STORY
from .old_world import OldManager, OldWorld
from .tellings import tell

RETRIES = {"agent_started": 3, "agent_thinking": 2, "tool_executing": 3, "tool_completed": 3, "agent_completed": 5}


class Unified:
    """By the user's id; whoever has no connection at that moment loses the event before it could wait for him."""

    face = "unified_emitter"

    def __init__(self, manager: OldManager, user: str, run: str) -> None:
        self._manager, self.user, self.run = manager, user, run
        context = SimpleNamespace(run_id=run, thread_id=f"thread_{user}", request_id=f"request of {run}")
        self._wire = OldUnified(SimpleNamespace(user_id=user, context=context))

    async def tell(self, moment: str) -> bool:
        frame = tell(self.face, self._wire, moment, self.run, self.user)
        if not self._manager.is_connection_active(self.user):
            return False
        await self._manager.at("check", moment)
        await self._manager.emit_critical_event(self.user, moment, frame["data"])
        return True


class Threads:
    """The bridge's registry: one for the whole process, by run id alone."""

    def __init__(self) -> None:
        self._threads: dict[str, str] = {}

    def register(self, run: str, thread: str) -> None:
        self._threads[run] = thread

    def of(self, run: str) -> str:
        return self._threads.get(run, f"thread_{run}")


class Bridge:
    """By the run's thread, whose id the manager takes for a user's."""

    face = "agent_websocket_bridge"

    def __init__(self, manager: OldManager, user: str, run: str, threads: Threads) -> None:
        self._manager, self.user, self.run, self._threads = manager, user, run, threads
        self._wire: Any = OldBridge()

    async def tell(self, moment: str) -> bool:
        frame = tell(self.face, self._wire, moment, self.run, self.user)
        for _ in range(1 + RETRIES[moment]):
            if await self._manager.send_to_thread(self._threads.of(self.run), frame):
                return True
        return False


class Agent(Bridge):
    """The base class of the agents: told the bridge, and so did its author."""

    face = "base_agent"

    def __init__(self, manager: OldManager, user: str, run: str, threads: Threads) -> None:
        super().__init__(manager, user, run, threads)
        self._wire = OldAgent(SimpleNamespace(_legacy_run_id=run, _legacy_name=lambda: "analyst"))


class Transparent:
    """By the user's id, flat, with a request's id in place of the run's."""

    face = "transparent_websocket_events"

    def __init__(self, manager: OldManager, user: str, run: str) -> None:
        self._manager, self.user, self.run = manager, user, run
        self._wire = OldTransparent(SimpleNamespace(user_id=user, request_id=run, context=None))

    async def tell(self, moment: str) -> bool:
        await self._manager.send_to_user(self.user, tell(self.face, self._wire, moment, self.run, self.user))
        return True


Emitter = Unified | Bridge | Transparent


def competitors(world: OldWorld, user: str, run: str, threads: Threads | None = None) -> list[Emitter]:
    """The four that tell of one user's run, the bridge's two by a thread that is registered as the user's own id."""
    if threads is None:
        threads = Threads()
        threads.register(run, user)
    manager = world.manager
    bridges: list[Emitter] = [kind(manager, user, run, threads) for kind in (Bridge, Agent)]
    return [Unified(manager, user, run), *bridges, Transparent(manager, user, run)]


async def tell_all(emitters: list[Emitter]) -> None:
    """The whole story of a run by each of these, one after the other."""
    for moment in STORY:
        for emitter in emitters:
            await emitter.tell(moment)
