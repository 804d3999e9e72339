"""An old agent, as teams have them."""

from typing import Any

from emitter.adapters.base_agent import BaseAgent


class Analyst(BaseAgent):
    """Thinks once and calls one tool."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(name=kwargs.pop("name", "analyst"), description="Reads ledgers", **kwargs)

    async def _execute_with_user_context(self, context: Any, stream_updates: bool) -> Any:
        await self.emit_thinking("Reading")
        await self.emit_tool_executing("search", {"query": context.agent_context.get("question")})
        await self.emit_tool_completed("search", {"hits": 3})
        return {"answer": 42}
