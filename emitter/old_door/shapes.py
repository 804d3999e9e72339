"""An event's text in the three shapes that older clients read. Pure.

Every value stays the text that it was; what is added are second names, the id under which a page drops repeats, and
frames that are derived and stored nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from emitter.events import FINAL

#: Each pair is one field under its two names.
PAIRS = (
    ("thought", "reasoning"),
    ("tool_name", "tool"),
    ("agent_name", "agent"),
    ("execution_time_ms", "duration_ms"),
    ("parameters", "input"),
)
#: What goes from the top level into the payload, where a shape has no other place for it.
INWARD = ("run_id", "thread_id", "timestamp")
SUMMARY_LENGTH = 280
#: What a report says of a run without a result.
NO_RESULT = {"completed": "The run has ended without a result.", "cancelled": "The run was stopped."}

Fields = dict[str, msgspec.Raw]

_encode = msgspec.json.Encoder().encode
_decode: Callable[[bytes | str | msgspec.Raw], Fields] = msgspec.json.Decoder(Fields).decode


def frames(body: str, shape: str, *, page: bool) -> list[str]:
    """An event as an older client reads it, and what it wants to hear after it.

    A page's spinner ends only on ``final_report`` or ``error``, so one of them follows the end of a run, flat in every
    shape because a page reads its payload; other clients read the answer from ``final_response``.
    """
    event = _decode(body)
    payload = _decode(event["payload"])
    shaped = SHAPES[shape]
    told = _with_both_names(event, payload)
    if not page:
        return [shaped(event, _with_answer(event, told))]
    ending = _ending(event, payload)
    return [shaped(event, told)] if ending is None else [shaped(event, told), _flat(*ending)]


def _with_both_names(event: Fields, payload: Fields) -> Fields:
    told = {**payload}
    if not {"agent", "agent_name"} & payload.keys():
        told["agent_name"] = event["agent_name"]
    for one, other in PAIRS:
        if one in told:
            told.setdefault(other, told[one])
        elif other in told:
            told[one] = told[other]
    return {**told, "message_id": event["id"]}


def _with_answer(event: Fields, told: Fields) -> Fields:
    if _text(event["type"]) != "agent_completed" or {"final_response", "response"} & told.keys():
        return told
    return {**told, "final_response": _raw(answer_of(told))}


def _ending(event: Fields, payload: Fields) -> tuple[Fields, Fields] | None:
    """The frame that ends a page's spinner: its top level and its payload. ``None`` when the event ends no run."""
    kind, event_id = _text(event["type"]), _text(event["id"])
    if kind not in FINAL or "after_end" in event:
        return None
    top = {name: value for name, value in event.items() if name not in ("id", "seq", "payload")}
    if kind == "agent_completed":
        return {**top, "type": _raw("final_report")}, _report(payload, f"{event_id}:report")
    words = _first_text(payload, "error_message", "message", "death_cause") or "The run has ended in an error."
    return {**top, "type": _raw("error")}, {"error_message": _raw(words), "message_id": _raw(f"{event_id}:error")}


def _report(payload: Fields, message_id: str) -> Fields:
    report = answer_of(payload)
    return {
        "report": _raw(report),
        "executive_summary": _raw(summary_of(report)),
        "total_duration_ms": payload.get("execution_time_ms") or payload.get("duration_ms") or _raw(None),
        "message_id": _raw(message_id),
    }


def answer_of(payload: Mapping[str, msgspec.Raw]) -> str:
    """The result of a run in words: a text as it is, ``{"answer": text}`` as that text, anything else as JSON."""
    result = bytes(payload.get("result", b"null"))
    if result.startswith(b"{"):
        answer = bytes(_decode(result).get("answer", b""))
        result = answer if answer.startswith(b'"') else result
    if result == b"null":
        return NO_RESULT.get(_first_text(payload, "status"), NO_RESULT["completed"])
    return _text(result) if result.startswith(b'"') else result.decode()


def summary_of(report: str) -> str:
    """The first paragraph, shortened."""
    first = report.strip().partition("\n\n")[0]
    return first if len(first) <= SUMMARY_LENGTH else f"{first[: SUMMARY_LENGTH - 1]}…"


def _first_text(payload: Mapping[str, msgspec.Raw], *names: str) -> str:
    """The first of these fields that is a text and not empty."""
    texts = (_text(raw) for name in names if bytes(raw := payload.get(name, msgspec.Raw())).startswith(b'"'))
    return next(filter(None, texts), "")


def _flat(event: Fields, payload: Fields) -> str:
    return _encode({**event, "payload": payload}).decode()


def _system_message(event: Fields, payload: Fields) -> str:
    return _encode({"type": "system_message", "event": event["type"], "payload": _inward(event, payload)}).decode()


def _data(event: Fields, payload: Fields) -> str:
    return _encode({"type": event["type"], "data": _inward(event, payload)}).decode()


def _inward(event: Fields, payload: Fields) -> Fields:
    return {**{name: event[name] for name in INWARD}, **payload}


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(_encode(value))


def _text(raw: msgspec.Raw | bytes) -> str:
    return msgspec.json.decode(raw, type=str)


#: By the name that ``?shape=`` takes.
SHAPES: dict[str, Callable[[Fields, Fields], str]] = {"flat": _flat, "system_message": _system_message, "data": _data}
