"""The example project, and beside it ``/acts/NAME/``: emits in the server's own process, as a test asks for it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from netra_events.asgi import application as product

from .faults import STORY
from .tellings import tell


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers ``POST /acts/NAME/`` with what the act returns; everything else is the product's."""
    if scope["type"] != "http" or not scope["path"].startswith("/acts/"):
        await product(scope, receive, send)
        return
    act = ACTS[scope["path"].split("/")[2]]
    answer = await act(**msgspec.json.decode(await body_of(receive)))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": msgspec.json.encode(answer)})


async def body_of(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


async def runs(told: Sequence[tuple[str, str, str]], moments: Sequence[str] = STORY) -> int:
    """Runs told all at once, each by one old face: ``(face, user, run)``. Returns how many events that were."""
    await asyncio.gather(*(story(face, user, run, moments) for face, user, run in told))
    return len(told) * len(moments)


async def story(face: str, user: str, run: str, moments: Sequence[str]) -> None:
    teller = face_of(face, user, run)
    for moment in moments:
        await tell(face, teller, moment, run, user)


def face_of(face: str, user: str, run: str) -> Any:
    """An old face with the context of a user's run."""
    from emitter.adapters.agent_websocket_bridge import AgentWebSocketBridge
    from emitter.adapters.base_agent import BaseAgent
    from emitter.adapters.context import UserExecutionContext
    from emitter.adapters.transparent_websocket_events import TransparentWebSocketEmitter
    from emitter.adapters.unified_emitter import UnifiedWebSocketEmitter

    context = UserExecutionContext(user, f"thread_{user}", run, f"request-{run}")
    if face == "base_agent":
        agent = BaseAgent(name="analyst")
        agent.set_websocket_bridge(AgentWebSocketBridge(context), run)
        return agent
    if face == "unified_emitter":
        return UnifiedWebSocketEmitter(None, user, context)
    return {
        "agent_websocket_bridge": AgentWebSocketBridge,
        "transparent_websocket_events": TransparentWebSocketEmitter,
    }[face](context)


async def thoughts(users: Sequence[str], each: int, many: int = 1) -> int:
    """So many numbered thoughts for each user, each user's one after the other and all users at once.

    ``many`` are handed over together. Returns how many were stored.
    """
    counts = await asyncio.gather(*(thoughts_of(user, each, many) for user in users))
    return sum(counts)


async def thoughts_of(user: str, each: int, many: int) -> int:
    from emitter.context import RunContext
    from emitter.events import AgentThinking
    from emitter.service import emitter

    context, stored = RunContext(user, run_id=f"run of {user}"), 0
    for first in range(1, each + 1, many):
        events = [(context, AgentThinking(f"told to {user}.", step)) for step in range(first, first + many)]
        stored += len(await emitter.aemit_many(events))
    return stored


async def errors(user: str, other: str) -> list[str]:
    """What a careless caller does, and a good emit at last: the code that each call gets, ``stored`` for the last."""
    from emitter.context import RunContext
    from emitter.events import AgentStarted, AgentThinking, ToolExecuting
    from emitter.service import emitter

    context, stranger = RunContext(user, run_id="run-errors"), RunContext(other, run_id="run-errors")
    await emitter.aemit(context, AgentStarted(f"told to {user}."))
    return [
        await code_of(emitter.aemit(context, ToolExecuting("search", {"socket": object()}))),
        await code_of(emitter.aemit(context, ToolExecuting("search", {"rows": list(range(100_000))}))),
        await code_of(emitter.aemit(stranger, AgentThinking("mine now"))),
        await code_of(emitter.aemit(context, AgentThinking(f"told to {user}."))),
    ]


async def code_of(emit: Awaitable[Any]) -> str:
    from emitter.errors import EmitterError

    try:
        await emit
    except EmitterError as error:
        return error.code
    return "stored"


async def repairs() -> float:
    """How often this process read the log because a bell was lost."""
    from emitter import metrics

    return metrics.value("emitter_repairs_total")


ACTS: dict[str, Callable[..., Awaitable[Any]]] = {
    "runs": runs,
    "thoughts": thoughts,
    "errors": errors,
    "repairs": repairs,
}
