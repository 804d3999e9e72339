"""What a user's own runs and events can tell. Read-only, and never of another user."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from emitter import log
from emitter.models import Run

from .outcome import Outcome, ToolError

#: Runs that are looked at, newest first.
RUNS = 200
#: Events of one run that are looked at.
EVENTS = 1_000
_ENDINGS = {
    "completed": "It completed",
    "cancelled": "It was stopped",
    "failed": "It failed",
    "died": "It lost its worker",
    "running": "It is still running",
}


def look_up(query: str, key: str, current_run: str) -> Outcome:
    """Answers one of :data:`QUERIES` for the user ``key``, leaving out the run that asks. Raises :class:`ToolError`."""
    runs = [run for run in log.runs_of(key, RUNS) if run.id != current_run]
    return QUERIES[query](key, runs)


def _last_run(key: str, runs: list[Run]) -> Outcome:
    run = _newest(runs)
    question, end = _question(key, run), run.ended_at
    asked = f" It was asked: “{question}”" if question else ""
    when = f" on {end:%d %B %Y at %H:%M} UTC" if end else ""
    sentence = f"Your last run was {run.id}. {_ENDINGS[run.state]}{when}.{asked}"
    return Outcome({"run_id": run.id, "state": run.state, "question": question}, sentence)


def _last_question(key: str, runs: list[Run]) -> Outcome:
    question = _question(key, _newest(runs))
    if question is None:
        raise ToolError("nothing_yet", "Your last run was not started by a question.")
    return Outcome(question, f"You last asked: “{question}”")


def _last_tools(key: str, runs: list[Run]) -> Outcome:
    run = _newest(runs)
    page, _ = log.history(key, after=run.first_seq - 1, limit=EVENTS, run=run.id, event_type="tool_executing")
    names = [msgspec.json.decode(stored.body)["payload"].get("tool_name", "a tool without a name") for stored in page]
    used = ", ".join(names) if names else "no tool"
    return Outcome(names, f"Your last run used {used}.")


def _failed_runs(key: str, runs: list[Run]) -> Outcome:
    failed = [run.id for run in runs if run.state in ("failed", "died")]
    return Outcome(failed, f"{len(failed)} of your {_counted(len(runs), 'earlier run')} failed.")


def _count_runs(key: str, runs: list[Run]) -> Outcome:
    more = "at least " if len(runs) >= RUNS - 1 else ""
    return Outcome(len(runs), f"Before this one you have {more}{_counted(len(runs), 'run')}.")


def _count_events(key: str, runs: list[Run]) -> Outcome:
    head = log.open_stream(key).head
    return Outcome(head, f"Your stream has {_counted(head, 'event')} so far, those of this run included.")


QUERIES: dict[str, Callable[[str, list[Run]], Outcome]] = {
    "last_run": _last_run,
    "last_question": _last_question,
    "last_tools": _last_tools,
    "failed_runs": _failed_runs,
    "count_runs": _count_runs,
    "count_events": _count_events,
}


def _newest(runs: list[Run]) -> Run:
    if not runs:
        raise ToolError("nothing_yet", "You have no earlier run: this is your first.")
    return runs[0]


def _question(key: str, run: Run) -> str | None:
    opening = log.bodies_at(key, [run.first_seq]).get(run.first_seq)
    message = msgspec.json.decode(opening)["payload"].get("message") if opening else None
    return message if isinstance(message, str) else None


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
