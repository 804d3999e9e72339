"""The order in which a run's events make sense. ``step`` is pure; the log takes it in the transaction that stores.

No thinking and no tool before ``agent_started``, no ``tool_completed`` without its ``tool_executing``, nothing after
the end. ``LIFECYCLE`` says whether an event that breaks it is flagged or refused.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from emitter.conf import conf
from emitter.errors import EventRefused
from emitter.events import FINAL
from emitter.log.life import Call, Calls, Life, Rules

#: Calls of one run that may be open; of a run with more, completions are not judged any more.
OPEN_CALLS = 32
#: A name or id that is longer is kept as its hash.
WORD = 64

#: What may be wrong, and what to do about it.
FAULTS = {
    "not_started": ("Run {run} has not started.", "Emit agent_started first, or open the run with emitter.run()."),
    "tool_unmatched": (
        "Run {run} has no such call of a tool open.",
        "Emit tool_executing first, with the same call_id or, without one, the same tool_name.",
    ),
    "run_ended": ("Run {run} has ended.", "Start a new one."),
}


def rules() -> Rules:
    """How the log has to hold it, by ``LIFECYCLE``."""
    return _RULES[conf.lifecycle]


class _Named(msgspec.Struct):
    call_id: str | None = None
    tool_name: str | None = None


_decoder = msgspec.json.Decoder(_Named)


def step(life: Life, event_type: str, payload: bytes) -> tuple[Life, tuple[str, ...]]:
    """The life after an event, and the codes of what was wrong with it."""
    if life.ended:
        return life, ("run_ended",)
    if event_type == "agent_started":
        return life._replace(started=True), ()
    if event_type in FINAL:
        return Life(life.started, ended=True), ()
    if event_type not in ("agent_thinking", "tool_executing", "tool_completed"):
        return life, ()
    faults = () if life.started else ("not_started",)
    if event_type == "tool_executing":
        return life._replace(calls=_opened(life.calls, _call(payload))), faults
    if event_type == "tool_completed" and life.calls is not None:
        match = _match(life.calls, _call(payload))
        if match is None:
            return life, (*faults, "tool_unmatched")
        return life._replace(calls=life.calls[:match] + life.calls[match + 1 :]), faults
    return life, faults


def _opened(calls: Calls, call: Call) -> Calls:
    return None if calls is None or len(calls) >= OPEN_CALLS else (*calls, call)


def _match(calls: tuple[Call, ...], done: Call) -> int | None:
    """The place of the call that is done: the one of its id; else the oldest of its name that no id rules out.

    A completion that names nothing closes the oldest. Only ids on both sides tell two calls of one tool apart.
    """
    if done == (None, None):
        return 0 if calls else None
    if done.id is not None:
        for place, call in enumerate(calls):
            if call.id == done.id:
                return place
    for place, call in enumerate(calls):
        if call.name == done.name and (call.id is None or done.id is None):
            return place
    return None


def _call(payload: bytes) -> Call:
    named = _decoder.decode(payload)
    return Call(_short(named.call_id), _short(named.tool_name))


def _short(word: str | None) -> str | None:
    if word is None or len(word) <= WORD:
        return word
    return blake2b(word.encode(), digest_size=16).hexdigest()


def _refusal(fault: str, run: str, index: int) -> EventRefused:
    return EventRefused(fault, f"{FAULTS[fault][0].format(run=repr(run))} {FAULTS[fault][1]}", index=index)


_RULES = {
    "flag": Rules(step, _refusal),
    "refuse": Rules(step, _refusal, refuses=True),
    "allow": Rules(step, _refusal, flags=False),
}
