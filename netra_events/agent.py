"""The demo agent: answers a typed question with real tools. It plans by rule and says so."""

from __future__ import annotations

import asyncio
from typing import Any

from emitter import blocking, log
from emitter.service import AsyncRun

from .calculator import calculate
from .outcome import Outcome, ToolError, shortened
from .plan import STEPS, Plan, Step, plan
from .records import look_up

#: Highest number counted to, and seconds between two numbers.
COUNT, PACE = 60, 0.5
ABILITIES = (
    "I plan by rule, not with a language model, and no rule of mine fits this. I can calculate (“What is 12.5 % of "
    "480?”), tell about your own runs (“How did my last run end?”, “How many runs failed?”, “Which tools did my last "
    "run use?”, “How many events do I have?”), and count slowly (“Count to 20”)."
)


class DemoAgent:
    """Takes a question apart, calls a tool for each part and joins what they say."""

    def __init__(self, pace: float = PACE) -> None:
        self._pace = pace

    async def answer(self, question: str, run: AsyncRun) -> str:
        """What the tools have to say to the question, and which parts of it no tool could take."""
        made = plan(question)
        if not made.steps:
            await run.thinking("I plan by rule, not with a language model, and no rule of mine fits this question.")
            return ABILITIES
        aims = ", then ".join(step.aim for step in made.steps)
        await run.thinking(f"I plan by rule, not with a language model: {aims}.")
        sentences = [await self._take(step, run) for step in made.steps]
        return " ".join([*sentences, *_left_out(made)])

    async def _take(self, step: Step, run: AsyncRun) -> str:
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
        match step.tool:
            case "calculator":
                return calculate(arguments["expression"])
            case "records":
                return await blocking.run(_look_up, arguments["query"], run.context.run_id)
            case _:
                return await self._count(arguments["to"], run)

    async def _count(self, to: int, run: AsyncRun) -> Outcome:
        if not 1 <= to <= COUNT:
            raise ToolError("out_of_range", f"I count from 1 to {COUNT} at most.")
        for number in range(1, to + 1):
            await run.thinking(f"{number} of {to}")
            await asyncio.sleep(self._pace)
        return Outcome(to, f"I counted to {to}.")


def _look_up(query: str, run_id: str) -> Outcome:
    run = log.run_of(run_id)
    assert run is not None, "the agent works within a run that has started"
    return look_up(query, run)


def _left_out(made: Plan) -> list[str]:
    if not made.left_out:
        return []
    parts = ", ".join(f"“{shortened(part)}”" for part in made.left_out[:3])
    more = " and more" if len(made.left_out) > 3 else ""
    why = f"I take {STEPS} steps at most" if len(made.steps) == STEPS else "no rule of mine fits it"
    return [f"I left out {parts}{more}: {why}."]
