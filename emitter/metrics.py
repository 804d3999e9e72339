"""Plain counters, in a registry of their own. Labels come from closed sets: never a user, a run or free text.

The first group is part of the public interface; the second counts the shape of the work (commits, bells, frames), so
that tests can hold it.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
_FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


def _counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
    return Counter(name, text, labels, registry=REGISTRY)


EVENTS = _counter("emitter_events_total", "Events stored.", ("type", "source", "tier"))
EMIT_SECONDS = Histogram("emitter_emit_seconds", "From emit to stored.", registry=REGISTRY, buckets=_FAST)
SESSIONS = Gauge("emitter_sessions", "Sessions open in this process.", registry=REGISTRY)
REPAIRS = _counter("emitter_repairs_total", "Reads of the log because a bell was lost, late or without its events.")
GAPS = _counter("emitter_gaps_total", "Gaps told to clients.", ("reason",))
REFUSED = _counter("emitter_refused_total", "Refusals, by stable code.", ("code",))
BELL_FAILURES = _counter("emitter_bell_failures_total", "Bells that could not be rung, or an ear that failed.")
FLAGGED = _counter("emitter_flagged_total", "Events stored although something is wrong with them.", ("flag",))
CLEANED = _counter("emitter_cleaned_total", "What was redacted, shortened or cut out of payloads.", ("kind",))
SPOOL_DEPTH = Gauge("emitter_spool_depth", "Events of this process that wait in a local spool.", registry=REGISTRY)
SPOOLED = _counter("emitter_spooled_total", "Events that went to a local spool.")
DROPPED = _counter("emitter_dropped_total", "Auxiliary events that a tier left out.", ("code", "tier"))
TRIMMED = _counter("emitter_trimmed_total", "Thoughts that a tier shortened or left out.", ("thinking", "tier"))
TIER_FAILURES = _counter("emitter_tier_failures_total", "Users whose tier could not be told.", ("code",))
TOKENS = _counter("emitter_tokens_total", "Tokens that stored events tell of.", ("model", "direction"))
COST = _counter("emitter_cost_usd_total", "US dollars that these tokens cost.", ("model",))
UNPRICED = _counter("emitter_unpriced_total", "Model calls without a known price; their cost is null.")
BUDGET_ACTS = _counter("emitter_budget_acts_total", "Users warned and runs stopped for a budget.", ("act",))
REAPED = _counter("emitter_reaped_total", "Runs that were ended because their producer was gone.")
LEGACY_CALLS = _counter("emitter_legacy_calls_total", "Calls of old faces that emit.", ("adapter", "method"))
LEGACY_FAILURES = _counter(
    "emitter_legacy_failures_total", "Of these, calls whose event was not stored, by stable code.", ("adapter", "code")
)
SHADOW_DIFFERENCES = _counter(
    "emitter_shadow_differences_total",
    "Calls of which old sender and emitter would tell different things.",
    ("adapter", "kind"),
)
ROLLBACKS = _counter(
    "emitter_rollbacks_total", "Adapters that went back to an earlier mode by themselves.", ("adapter",)
)

COMMITS = _counter("emitter_commits_total", "Transactions that stored events for waiting callers.")
DEFERRED = _counter("emitter_deferred_total", "Turns that an emit gave up because its stream was locked.")
BELLS = _counter("emitter_bells_total", "Messages handed to the channel layer.")
ENCODES = _counter("emitter_encodes_total", "Events encoded.")
FRAMES = _counter("emitter_frames_total", "Frames written to clients.")
HOPS = _counter("emitter_thread_hops_total", "Pieces of work handed from an event loop to a thread.")


def value(name: str, **labels: str) -> float:
    """The current value of a sample, 0.0 before it was first counted. For tests and health pages."""
    return REGISTRY.get_sample_value(name, labels) or 0.0
