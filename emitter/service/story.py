"""What a run and its tool calls have to tell, and when: makes the events, knows nothing of how they are sent."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from dataclasses import replace
from typing import Any
from uuid import uuid4

from emitter import events
from emitter.context import RunContext
from emitter.errors import EmitterError
from emitter.events import Usage
from emitter.log.entry import Receipt
from emitter.metering.usage import reported_by
from emitter.service.tally import Tally, told

logger = logging.getLogger("emitter")


class RunEnded(EmitterError):
    """The run was ended by somebody else, a cancel for one: the producer must stop."""

    def __init__(self, run: str) -> None:
        super().__init__("run_ended", f"Run {run!r} has ended; stop working on it.")


class Story:
    """One run, from its first event to its last."""

    def __init__(self, context: RunContext, message: str | None) -> None:
        self.context = context
        #: What the run leads to; goes into ``agent_completed``.
        self.result: Any = None
        self._message = message
        self._tally = Tally()
        self._steps = 0
        self._began = time.monotonic()
        self._ended = False

    def usage(self, model: str, input_tokens: int = 0, output_tokens: int = 0) -> None:
        """Adds the tokens of one model call to the run; its next event tells of them. Raises ``bad_field``."""
        self._tally.add(Usage(model, input_tokens, output_tokens))

    def _started(self) -> events.AgentStarted:
        self._began = time.monotonic()
        return events.AgentStarted(self._message)

    def _thought(self, thought: str, step_number: int | None) -> events.AgentThinking:
        self._steps = step_number if step_number is not None else self._steps + 1
        return events.AgentThinking(thought, self._steps)

    def _completed(self, status: str) -> events.AgentCompleted:
        return events.AgentCompleted(result=self.result, status=status, execution_time_ms=_since(self._began))

    def _laden(self, event: events.Event) -> tuple[events.Event, list[Usage]]:
        """The event with the usage that no event has told yet, and what that is. An event's own usage stays."""
        if not isinstance(event, events.KnownEvent):
            if isinstance(event, events.Custom):
                self._note(event)
            return event, []
        if event.usage is not None:
            self._note(event)
            return event, []
        calls = self._tally.take()
        usage = self._tally.summary(calls) if event.type in events.FINAL else told(calls) if calls else None
        return (replace(event, usage=usage) if usage else event), calls  # type: ignore[type-var]

    def _note(self, event: events.Event) -> None:
        reported = reported_by(event.type, event.payload())
        if reported is not None and reported.total:
            self._tally.take()  # They are in the total.
        elif reported is not None:
            self._tally.note(reported.calls)

    def _ending(self, error: BaseException | None) -> events.Event | None:
        """The final event that tells the truth; of a run that somebody else has ended, what it took since."""
        if self._ended or isinstance(error, RunEnded):
            calls = self._tally.take()
            return events.Custom("usage_reported", {"usage": told(calls)}) if calls else None
        if error is None:
            return self._completed("completed")
        if isinstance(error, asyncio.CancelledError):
            return self._completed("cancelled")
        text = str(error) or traceback.format_exception_only(error)[-1].strip()
        return events.AgentError(error_message=text, error_type=type(error).__name__, recoverable=False)

    def _ended_elsewhere(self) -> None:
        self._ended = True

    def _seen(self, event: events.Event, receipt: Receipt, calls: list[Usage]) -> Receipt:
        """Notes that the run has ended. Raises :class:`RunEnded` when it was somebody else who ended it."""
        if receipt.dropped is not None:
            self._tally.put_back(calls)
        if receipt.after_end and not receipt.duplicate:
            self._ended = True
            raise RunEnded(self.context.run_id)
        self._ended = self._ended or event.type in events.FINAL
        return receipt

    def _ended_before(self, refusal: EmitterError) -> EmitterError:
        """Where an event after the end is refused and not stored, the producer learns it all the same."""
        if refusal.code != "run_ended":
            return refusal
        self._ended = True
        return RunEnded(self.context.run_id)

    def _is_over(self, failure: Exception, event: events.Event) -> bool:
        """Whether the event came after another's ending: then there is nothing left to stop."""
        return event.type == "usage_reported" or (isinstance(failure, RunEnded) and event.type in events.FINAL)

    def _not_told(self, failure: Exception) -> None:
        if not isinstance(failure, RunEnded):
            code = failure.code if isinstance(failure, EmitterError) else type(failure).__name__
            logger.error("%s: run %s could not tell how it went on", code, self.context.run_id)


class ToolCall:
    """One call of a tool. Set ``result`` inside the block."""

    def __init__(self, name: str, parameters: Any) -> None:
        self.name = name
        self.result: Any = None
        self._parameters = parameters
        self._call_id = uuid4().hex
        self._began = time.monotonic()

    def _executing(self) -> events.ToolExecuting:
        self._began = time.monotonic()
        return events.ToolExecuting(self.name, self._parameters, self._call_id)

    def _completed(self, error: BaseException | None) -> events.ToolCompleted:
        failure = None if error is None else str(error) or type(error).__name__
        return events.ToolCompleted(self.name, self.result, failure, _since(self._began), self._call_id)


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 1)
