"""What a user's own runs and events can tell. Read-only, and never of another user."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from emitter import log
from emitter.models import Run, RunState

from .outcome import Outcome, shortened

#: Most runs that are counted; runs among which the last question is looked for; events of one run.
RUNS, RECENT, EVENTS = 1_000, 50, 1_000
#: Most characters that are quoted of a text.
QUOTED = 300
#: How the end of a run is told.
ENDINGS = {
    RunState.RUNNING: "is still running",
    RunState.COMPLETED: "completed",
    RunState.CANCELLED: "was stopped",
    RunState.FAILED: "failed",
    RunState.DIED: "lost its worker",
}
FIRST_RUN = Outcome({"earlier_runs": 0}, "You have no earlier run: this is your first.")
FIRST_QUESTION = Outcome({"earlier_questions": 0}, "You have not asked anything before: this is your first question.")


def look_up(query: str, run: Run) -> Outcome:
    """Answers one of :data:`QUERIES` for the user who asks in ``run``, from what was there before it began."""
    return QUERIES[query](run)


def _last_run(current: Run) -> Outcome:
    if not (run := _last(current)):
        return FIRST_RUN
    opening, ending = _payload(run, run.first_seq), _payload(run, run.last_seq)
    question, result = _text(opening.get("message")), ending.get("result")
    answer = _text(result.get("answer") if isinstance(result, dict) else result)
    reason = _text(ending.get("error_message") or ending.get("death_cause"))
    asked = f", asked “{question}”," if question else ""
    end = f" on {run.ended_at:%d %B %Y at %H:%M} UTC" if run.ended_at else ""
    why = f": {reason}" if reason else ""
    told = f" Its answer was: “{answer}”" if answer else ""
    return Outcome(
        {"run_id": run.id, "state": run.state, "question": question, "answer": answer, "reason": reason},
        f"Your last run{asked} {ENDINGS[RunState(run.state)]}{end}{why}.{told}",
    )


def _last_tools(current: Run) -> Outcome:
    if not (run := _last(current)):
        return FIRST_RUN
    page, _ = log.history(run.stream, after=run.first_seq - 1, limit=EVENTS, run=run.id, event_type="tool_executing")
    payloads = (msgspec.json.decode(stored.body)["payload"] for stored in page)
    names = list(dict.fromkeys(payload.get("tool_name") or "a tool without a name" for payload in payloads))
    return Outcome(names, f"Your last run used {', '.join(names) or 'no tool'}.")


def _last_question(current: Run) -> Outcome:
    runs = _earlier(current, RECENT)
    openings = log.bodies_at(current.stream, [run.first_seq for run in runs])
    for run in runs:
        question = _text(_decoded(openings.get(run.first_seq)).get("message"))
        if question:
            return Outcome(question, f"You last asked: “{question}”")
    return FIRST_QUESTION


def _failed_runs(current: Run) -> Outcome:
    runs = _earlier(current)
    failed = [run.id for run in runs if run.state in (RunState.FAILED, RunState.DIED)]
    return Outcome(failed, f"Of your {_counted(runs, 'earlier run')}, {len(failed) or 'none'} failed.")


def _count_runs(current: Run) -> Outcome:
    runs = _earlier(current)
    states = Counter(run.state for run in runs)
    parts = ", ".join(f"{number:,} {state}" for state, number in states.most_common())
    told = f"Before this run you had {_counted(runs, 'run')}"
    return Outcome(len(runs), f"{told}: {parts}." if parts else f"{told}.")


def _count_events(current: Run) -> Outcome:
    number = current.first_seq - 1 - log.open_stream(current.stream).pruned_to
    return Outcome(number, f"Before this run you had {number:,} event{'' if number == 1 else 's'}.")


QUERIES: dict[str, Callable[[Run], Outcome]] = {
    "last_run": _last_run,
    "last_tools": _last_tools,
    "last_question": _last_question,
    "failed_runs": _failed_runs,
    "count_runs": _count_runs,
    "count_events": _count_events,
}


def _earlier(current: Run, limit: int = RUNS) -> list[Run]:
    """The user's runs that began before this one, newest first."""
    return log.runs_of(current.stream, limit, first_seq__lt=current.first_seq)


def _last(current: Run) -> Run | None:
    return next(iter(_earlier(current, 1)), None)


def _payload(run: Run, seq: int | None) -> dict[str, Any]:
    return _decoded(log.bodies_at(run.stream, [seq]).get(seq)) if seq is not None else {}


def _decoded(body: str | None) -> dict[str, Any]:
    """The payload of an event; an empty one when the event is no longer kept."""
    payload: dict[str, Any] = msgspec.json.decode(body)["payload"] if body else {}
    return payload


def _text(value: object) -> str | None:
    return shortened(value, QUOTED) if isinstance(value, str) else None


def _counted(runs: list[Run], noun: str) -> str:
    most = "at least " if len(runs) == RUNS else ""
    return f"{most}{len(runs):,} {noun}{'' if len(runs) == 1 else 's'}"
