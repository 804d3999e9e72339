"""Keeps users within their budgets: warns on the user's stream, and stops runs when a budget is spent.

A server does so every five seconds, so it acts at most ``LATEST_SECONDS`` after the event was stored that told of the
spending. The stopped run's producer learns it at its next event, or when it renews its lease; what it spends till then
is spent, and counted.
"""

from __future__ import annotations

import logging
from datetime import date
from decimal import Decimal

from django.db import transaction

from emitter import clock, log, metrics
from emitter.conf import conf
from emitter.context import RunContext
from emitter.errors import EmitterError, EventRefused
from emitter.events import AgentCompleted, Custom
from emitter.metering import spending
from emitter.metering.budgets import Limit, Verdict
from emitter.metering.rollup import roll_up
from emitter.models import Run, RunState
from emitter.policy import tiers
from emitter.service import emitter

logger = logging.getLogger("emitter")

#: Seconds between two rounds.
SECONDS = 5
#: Two rounds and the loop's two looks at its clock: that long a server may take, with one that has just died.
LATEST_SECONDS = 12

WARNING, EXCEEDED = "budget_warning", "budget_exceeded"
#: Most runs that are stopped for one user in one round.
RUNS = 1_000


def account() -> int:
    """One round: rolls up, then holds against their budgets all who spent. Returns how many users were acted upon."""
    roll_up(tier_name)
    today = clock.now().date()
    grown = spending.unchecked()
    acted = 0
    for key in {**grown, **dict.fromkeys(spending.spent_and_running(EXCEEDED, today), 0)}:
        try:
            acted += _hold(key, today)
        except EventRefused as refusal:
            logger.error("%s: a user could not be told about a budget: %s", refusal.code, refusal.detail)
        except (EmitterError, ValueError) as error:
            logger.error("budget_failed: a budget is tried again in the next round: %s", error)
            continue
        spending.note_checked(key, grown.get(key, 0))
    return acted


def tier_name(key: str) -> str:
    """The name of a user's tier."""
    return tiers.tier_of(key).name


def _hold(key: str, today: date) -> bool:
    """Holds what a user has spent against the budget. Returns whether the user was told or stopped."""
    limit = spending.limit_of(key, tier_name(key))
    if limit is None:
        return False
    spent = spending.spent_since(key, limit.begins(today))
    verdict = limit.judge(spent)
    if spent is None or verdict is Verdict.WITHIN:
        return False
    if verdict is Verdict.STOP and (running := log.runs_of(key, RUNS, state=RunState.RUNNING)):
        for run in running:
            _stop(run, limit, spent, today)
        return True
    return _tell_once(key, EXCEEDED if verdict is Verdict.STOP else WARNING, limit, spent, today)


def _stop(run: Run, limit: Limit, spent: Decimal, today: date) -> None:
    context = _context(run)
    with transaction.atomic(using=conf.database):
        spending.note(run.stream, limit, today, EXCEEDED)
        notice = Custom(EXCEEDED, _payload(limit, spent, today))
        emitter.emit_many([(context, notice), (context, AgentCompleted(status="cancelled"))])
    metrics.BUDGET_ACTS.labels(act="stopped").inc()
    logger.warning("budget_exceeded: run %s was stopped", run.id)


def _tell_once(key: str, notice: str, limit: Limit, spent: Decimal, today: date) -> bool:
    """Tells a user something about this period, in a run under way or else in the latest one."""
    runs = log.runs_of(key, 1, state=RunState.RUNNING) or log.runs_of(key, 1)
    with transaction.atomic(using=conf.database):
        if not runs or not spending.note(key, limit, today, notice):
            return False
        emitter.emit(_context(runs[0]), Custom(notice, _payload(limit, spent, today)))
    metrics.BUDGET_ACTS.labels(act="warned").inc()
    return True


def _context(run: Run) -> RunContext:
    return RunContext(user_id=run.stream, thread_id=run.thread, run_id=run.id, agent_name=run.agent)


def _payload(limit: Limit, spent: Decimal, today: date) -> dict[str, str]:
    period = "today" if limit.per == "day" else "this month"
    amounts = f"{spent:.2f} of {limit.usd:.2f} USD"
    return {
        "message": f"Agents have spent {amounts} {period}.",
        "spent_usd": f"{spent.normalize():f}",
        "budget_usd": f"{limit.usd.normalize():f}",
        "per": limit.per,
        "begins": limit.begins(today).isoformat(),
    }
