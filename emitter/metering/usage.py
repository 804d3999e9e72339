"""What an event tells of tokens: its payload's key ``usage``, in one of two shapes. Pure.

One call, ``{"model", "input_tokens", "output_tokens"}``, or several, ``{"calls": [one, …]}``; whatever else stands
there is kept and not counted. Each call counts where it is told. One shape is no call: plain numbers in the final event
of a run are the *total* of that run, of which only what was not told before counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from emitter.errors import EventRefused
from emitter.events import FINAL, Usage
from emitter.log.entry import Reported

_TOKENS = ("input_tokens", "output_tokens")


def reported_by(event_type: str, payload: Mapping[str, Any]) -> Reported | None:
    """The tokens that an event tells of, ``None`` when it tells of none. Raises ``bad_field``."""
    usage = payload.get("usage")
    if usage is None or not isinstance(usage, Mapping):
        return None
    calls = usage.get("calls")
    if calls is None:
        told, total = tuple(_call(usage)), event_type in FINAL
    elif isinstance(calls, list | tuple):
        told, total = tuple(call for one in calls for call in _call(one)), False
    else:
        raise EventRefused("bad_field", f"usage: calls takes a list of calls, not {type(calls).__name__}.")
    return Reported(told, total) if told else None


def _call(told: object) -> Iterator[Usage]:
    """The call that a value of the payload describes; none when it took no tokens."""
    if isinstance(told, Usage):
        call = told
    elif isinstance(told, Mapping):
        model, *tokens = (told.get(name) for name in ("model", *_TOKENS))
        call = Usage("" if model is None else model, *(0 if number is None else number for number in tokens))
    else:
        raise EventRefused(
            "bad_field", f"usage: a call is an object with model, input_tokens and output_tokens, not {told!r:.40}."
        )
    if call.input_tokens or call.output_tokens:
        yield call
