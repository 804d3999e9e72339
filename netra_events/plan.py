"""From a typed question to the tools that answer it: by rule, not by a language model. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .expression import is_arithmetic

#: Longest part of a question that is looked at, in characters.
LENGTH = 300

_PARTS = re.compile(
    r"\?|;|\n|,\s+(?:and|then)\b|\band\s+(?=how|what|which|show|who|count)|(?<=[a-z]),\s+", re.IGNORECASE
)
_OPENING = re.compile(
    r"^(?:please|and|then|so|now|what(?:'s|’s| is| are)|how much (?:is|are)|calculate|compute|work out|tell me)\b[\s,:]*",
    re.IGNORECASE,
)
_COUNT = re.compile(r"\bcount\b.*?\bto\s+(\d{1,9})", re.IGNORECASE)
#: What the records can tell, by the words that ask for it; the first that fits is taken.
_RECORDS = (
    ("last_tools", r"\btools?\b"),
    ("last_question", r"\blast (?:question|message)\b|\bask(?:ed)?\b.*\blast\b"),
    ("failed_runs", r"\bruns?\b.*\b(?:fail|failed|error|errors)\b|\b(?:failed|broken)\s+runs?\b"),
    ("last_run", r"\b(?:last|previous|latest)\s+(?:run|answer|agent)\b"),
    ("count_runs", r"\bhow many\b.*\bruns?\b|\bnumber of\b.*\bruns?\b"),
    ("count_events", r"\bhow many\b.*\bevents?\b|\bnumber of\b.*\bevents?\b"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a tool: its name and what it is called with."""

    tool: str
    parameters: dict[str, str | int]


def plan(question: str) -> list[Step]:
    """The steps that answer a question, in its order; none when no rule fits."""
    steps: list[Step] = []
    for part in _PARTS.split(question):
        step = _step(part[:LENGTH].strip(" \t.!,:"))
        if step is not None and step not in steps:
            steps.append(step)
    return steps


def _step(part: str) -> Step | None:
    if counted := _COUNT.search(part):
        return Step("count", {"to": int(counted[1])})
    for query, words in _RECORDS:
        if re.search(words, part, re.IGNORECASE):
            return Step("records", {"query": query})
    bare = part
    while (shorter := _OPENING.sub("", bare, count=1)) != bare:
        bare = shorter
    bare = bare.rstrip(" =")
    return Step("calculator", {"expression": bare}) if is_arithmetic(bare) else None
