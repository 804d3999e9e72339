"""What an old agent's context remembers of tokens and their cost. Pure, but for the prices.

The context's ``metadata`` holds ``token_usage`` with one entry for each model call. A call whose model has no price
has cost ``None``; it is left out of sums of money and never counted as free.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from emitter.events import Usage
from emitter.metering.prices import cost_of

JsonDict = dict[str, Any]

#: What makes a suggestion: US dollars of an agent, of a call and of all; tokens of a call on average.
AGENT_USD, CALL_USD, ALL_USD, CALL_TOKENS = 1.00, 0.50, 5.00, 2_000


def memory(context: Any) -> JsonDict:
    """What an old context remembers, of whichever kind it is."""
    return dict(getattr(context, "metadata", None) or {})


def operations(metadata: Mapping[str, Any] | None) -> list[JsonDict]:
    """The model calls that a context remembers."""
    usage = (metadata or {}).get("token_usage")
    return list(usage.get("operations") or []) if isinstance(usage, Mapping) else []


def with_operation(usage: Mapping[str, Any] | None, agent: str, call: Usage, operation_type: str) -> JsonDict:
    """``token_usage`` with one more call, at today's price."""
    now = datetime.now(UTC)
    cost = cost_of(call, now)
    one = {
        "agent": agent,
        "operation_type": operation_type,
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "model": call.model,
        "cost": None if cost is None else round(float(cost), 6),
        "timestamp": now.isoformat(),
    }
    done = [*operations({"token_usage": usage}), one]
    return {
        "session_start": now.isoformat(),
        **(usage or {}),
        "operations": done,
        "cumulative_cost": _money(done),
        "cumulative_tokens": _tokens(done),
    }


def suffix(metadata: Mapping[str, Any]) -> str:
    """What a thought says of the last call: ``[Tokens: 876, Cost: $0.0042]``."""
    done = operations(metadata)
    if not done:
        return ""
    cost = done[-1].get("cost")
    return f" [Tokens: {_tokens(done[-1:])}{'' if cost is None else f', Cost: ${cost:.4f}'}]"


def analysis(metadata: Mapping[str, Any]) -> JsonDict:
    """What a result says of costs and of what could be saved; empty when nothing is known."""
    done, found = operations(metadata), JsonDict()
    if done:
        found["cost_analysis"] = {
            "total_operations": len(done),
            "cumulative_cost": _money(done),
            "cumulative_tokens": _tokens(done),
            "average_cost_per_operation": round(_money(done) / len(done), 6),
        }
    if alerts := [one for one in _stored_suggestions(metadata) if one.get("priority") == "high"]:
        found["optimization_alerts"] = alerts
    if saved := metadata.get("prompt_optimizations"):
        found["optimization_summary"] = {
            "optimizations_applied": len(saved),
            "total_tokens_saved": sum(one.get("tokens_saved") or 0 for one in saved),
            "total_cost_saved": round(sum(one.get("cost_savings") or 0 for one in saved), 6),
        }
    return found


def metered(done: Sequence[JsonDict]) -> JsonDict:
    """Calls as the emitter meters them: the ``usage`` of a completed run."""
    if not done:
        return {}
    calls = [{key: one.get(key) for key in ("model", "input_tokens", "output_tokens")} for one in done]
    sums = {key: sum(one[key] or 0 for one in calls) for key in ("input_tokens", "output_tokens")}
    return {"usage": {**sums, "calls": calls}}


def summary(metadata: Mapping[str, Any]) -> JsonDict:
    """The calls by agent."""
    done = operations(metadata)
    agents = {name: _totals(of) for name, of in _by(done, "agent").items()}
    told: JsonDict = {
        "agents_tracked": len(agents),
        "total_operations": len(done),
        "total_cost": _money(done),
        "total_tokens": _tokens(done),
        "average_cost_per_operation": round(_money(done) / max(1, len(done)), 6),
        "average_tokens_per_operation": _tokens(done) / max(1, len(done)),
        "most_expensive_agent": max(agents, key=lambda name: agents[name]["total_cost"], default=None),
        "most_active_agent": max(agents, key=lambda name: agents[name]["total_operations"], default=None),
        "agents": agents,
    }
    if done:
        told["current_session"] = {
            "operations_count": len(done),
            "cumulative_cost": _money(done),
            "cumulative_tokens": _tokens(done),
        }
    return told


def suggestions(metadata: Mapping[str, Any], agent: str) -> list[JsonDict]:
    """What would make an agent cheaper, the most urgent first."""
    everything = operations(metadata)
    done = [one for one in everything if one.get("agent") == agent]
    if not done:
        nothing = _suggestion("no_data", "low", "No model call of this agent is known.", 1)
        return [nothing] if nothing else []
    own, total, average = _money(done), _money(everything), _tokens(done) / len(done)
    dearest = max(one.get("cost") or 0.0 for one in done)
    models = sorted({str(one.get("model")) for one in done})
    made = [
        _suggestion("high_cost_agent", "high", f"The agent's calls cost ${own:.2f} so far.", own - AGENT_USD),
        _suggestion("expensive_operation", "high", f"One call cost ${dearest:.2f}.", dearest - CALL_USD),
        _suggestion("high_token_usage", "medium", f"A call takes {average:.0f} tokens.", average - CALL_TOKENS),
        _suggestion("global_optimization", "medium", f"All agents cost ${total:.2f}.", total - ALL_USD),
        _suggestion("model_optimization", "low", f"It calls {', '.join(models)}.", len(models) - 1),
    ]
    return [one for one in made if one is not None]


_ADVICE = {
    "no_data": ("Nothing to go by", "Track the calls of this agent with track_llm_usage."),
    "high_cost_agent": ("A dear agent", "Look which of its calls a cheaper model could answer."),
    "expensive_operation": ("A dear call", "Shorten what this call is given."),
    "high_token_usage": ("Long calls", "Shorten prompts, or keep less of the conversation."),
    "global_optimization": ("A dear run", "Set a budget."),
    "model_optimization": ("Several models", "Take the cheapest that is good enough for each kind of call."),
}


def _suggestion(kind: str, priority: str, description: str, above: float) -> JsonDict | None:
    """What to do when something is ``above`` its limit. Money can be saved as far as it is."""
    if above <= 0:
        return None
    title, recommendation = _ADVICE[kind]
    return {
        "type": kind,
        "priority": priority,
        "title": title,
        "description": description,
        "recommendation": recommendation,
        "potential_savings": round(above, 6) if "$" in description else 0.0,
    }


def changed(context: Any, **values: Any) -> Any:
    """A copy of an old context that remembers ``values``."""
    kept = "agent_context" if hasattr(context, "agent_context") else "metadata"
    return replace(context, **{kept: {**getattr(context, kept), **values}})


def _stored_suggestions(metadata: Mapping[str, Any]) -> list[JsonDict]:
    """Some wrote them as a list, some as a dictionary around it."""
    stored = metadata.get("cost_optimization_suggestions") or []
    return list(stored.get("suggestions", []) if isinstance(stored, Mapping) else stored)


def _by(done: Iterable[JsonDict], key: str) -> dict[str, list[JsonDict]]:
    groups: defaultdict[str, list[JsonDict]] = defaultdict(list)
    for one in done:
        groups[str(one.get(key))].append(one)
    return dict(groups)


def _totals(done: list[JsonDict]) -> JsonDict:
    return {"total_operations": len(done), "total_cost": _money(done), "total_tokens": _tokens(done)}


def _money(done: Iterable[JsonDict]) -> float:
    return round(sum(one.get("cost") or 0.0 for one in done), 6)


def _tokens(done: Iterable[JsonDict]) -> int:
    return sum((one.get("input_tokens") or 0) + (one.get("output_tokens") or 0) for one in done)
