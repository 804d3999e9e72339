"""The demo agent: answers a typed question with real tools. It plans by rule and says so."""

from __future__ import annotations

import asyncio
from typing import Any

from emitter import blocking
from emitter.service import AsyncRun

from .calculator import calculate
from .outcome import Outcome, ToolError
from .plan import Step, plan
from .records import look_up

#: Highest number counted to, and seconds between two numbers.
COUNT, PACE = 60, 0.5
ABILITIES = (
    "I plan by rule, not with a language model, and no rule fits this. I can calculate (“What is 12.5 % of 480?”), tell "
    "about your runs (“How did my last run end?”, “How many runs failed?”, “Which tools did my last run use?”), and "
    "count slowly (“Count to 20”)."
)


class DemoAgent:
    """Takes a question apart, calls a tool for each part and joins what they say."""

    async def answer(self, question: str, run: AsyncRun) -> str:
        steps = plan(question)
        if not steps:
            await run.thinking("I plan by rule, and none of my rules fits this question.")
            return ABILITIES
        await run.thinking(f"I plan by rule, not with a language model: {_told(steps)}.")
        return " ".join([await self._work(step, run) for step in steps])

    async def _work(self, step: Step, run: AsyncRun) -> str:
        """One tool call; a tool's own error is part of the answer, anything else ends the run."""
        try:
            async with run.tool(step.tool, step.parameters) as tool:
                outcome = await self._call(step, run)
                tool.result = outcome.result
        except ToolError as error:
            return error.detail
        return outcome.sentence

    async def _call(self, step: Step, run: AsyncRun) -> Outcome:
        arguments: dict[str, Any] = step.parameters
        if step.tool == "calculator":
            outcome = calculate(arguments["expression"])
            return Outcome(outcome.result, f"{outcome.sentence}.")
        if step.tool == "records":
            context = run.context
            return await blocking.run(look_up, arguments["query"], context.user_id, context.run_id)
        return await _count(arguments["to"], run)


async def _count(to: int, run: AsyncRun) -> Outcome:
    if to > COUNT:
        raise ToolError("too_far", f"I count to {COUNT} at most.")
    for number in range(1, to + 1):
        await run.thinking(str(number))
        await asyncio.sleep(PACE)
    return Outcome(to, f"I counted to {to}.")


def _told(steps: list[Step]) -> str:
    names = [f"{step.tool} ({', '.join(str(value) for value in step.parameters.values())})" for step in steps]
    return "first " + ", then ".join(names) if len(names) > 1 else names[0]
