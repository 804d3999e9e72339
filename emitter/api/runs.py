"""``/api/runs/``: ask the agent, look at runs, stop one."""

from __future__ import annotations

from typing import Any

import msgspec
from django.http import HttpResponse

from emitter import agents, blocking, log
from emitter.api.http import Call, body_object, endpoint, json_response, number
from emitter.errors import EmitterError
from emitter.log.meter import Totals
from emitter.models import Run

PAGE, LARGEST_PAGE = 20, 100
TIMELINE = 1_000


async def start(call: Call) -> HttpResponse:
    """Starts the configured agent on the caller's message."""
    data = body_object(call.request, ("message", "thread_id"))
    message, thread = agents.check_question(data.get("message")), data.get("thread_id")
    if thread is not None and not isinstance(thread, str):
        raise EmitterError("bad_request", "'thread_id' is a text, or left out.")
    context = await agents.start(call.who.key, message, thread)
    return json_response({"run_id": context.run_id, "thread_id": context.thread_id}, status=202)


async def cancel(call: Call, run: str) -> HttpResponse:
    """Stops a run; answers when it has ended."""
    row = await agents.acancel(run, call.who)
    return json_response(run_json(row, (await blocking.run(log.usage_of, [run])).get(run)))


async def listing(call: Call) -> HttpResponse:
    """The caller's runs, newest first."""
    limit = max(1, min(number(call.request, "limit", PAGE), LARGEST_PAGE))
    return await blocking.run(_listing, call.who.key, limit)


async def one(call: Call, run: str) -> HttpResponse:
    """One run with its events."""
    return await blocking.run(_one, run, call)


def run_json(run: Run, used: dict[str, Totals] | None) -> dict[str, Any]:
    """A run as it is told outside, with what it took by model. ``last_seq`` is ``null`` while it is running."""
    total = sum((used or {}).values(), Totals())
    return {
        "run_id": run.id,
        "thread_id": run.thread,
        "agent_name": run.agent,
        "state": run.state,
        "first_seq": run.first_seq,
        "last_seq": run.last_seq,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        **totals_json(total),
        "models": [{"model": model, **totals_json(totals)} for model, totals in (used or {}).items()],
    }


def totals_json(totals: Totals) -> dict[str, Any]:
    """Tokens and cost; the cost is a text, so that no digit is lost, and ``null`` when no call has a price."""
    return {
        "input_tokens": totals.input_tokens,
        "output_tokens": totals.output_tokens,
        "cost_usd": None if totals.cost_usd is None else f"{totals.cost_usd:f}",
        "unpriced_calls": totals.unpriced,
    }


def _listing(key: str, limit: int) -> HttpResponse:
    runs = log.runs_of(key, limit)
    openings = log.bodies_at(key, [run.first_seq for run in runs])
    used = log.usage_of([run.id for run in runs])
    told = [{**run_json(run, used.get(run.id)), "question": _question(openings.get(run.first_seq))} for run in runs]
    return json_response({"runs": told})


def _one(run_id: str, call: Call) -> HttpResponse:
    run = agents.visible_run(run_id, call.who)
    page, _ = log.history(run.stream, after=run.first_seq - 1, limit=TIMELINE, run=run.id)
    timeline = [msgspec.Raw(stored.body.encode()) for stored in page]
    told = run_json(run, log.usage_of([run.id]).get(run.id))
    return json_response({**told, "question": _question(page[0].body if page else None), "timeline": timeline})


def _question(opening: str | None) -> str | None:
    """What the run was asked: the message of its ``agent_started``."""
    if opening is None:
        return None
    message: str | None = msgspec.json.decode(opening).get("payload", {}).get("message")
    return message


collection = endpoint(GET=listing, POST=start)
item = endpoint(GET=one)
cancelling = endpoint(POST=cancel)
