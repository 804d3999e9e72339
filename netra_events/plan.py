"""From a typed question to the tools that answer it: by rule, not by a language model. No I/O.

A question is cut into parts at its punctuation and at "and"; each part goes to the first rule that fits it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .expression import is_arithmetic
from .outcome import shortened

#: Most steps of one plan; longest part, in characters, that is read as a sentence.
STEPS, LENGTH = 5, 300

#: What the records can tell: the query, the words that ask for it, and the aim; the first that fits is taken.
RECORDS = (
    (
        "last_tools",
        r"\btools?\b.*\b(?:did|were|was|last|previous|latest)\b",
        "look up which tools your last run used",
    ),
    (
        "last_question",
        r"\b(?:last|previous|latest) (?:question|message|request)\b|\bdid i (?:just )?ask\b",
        "look up your last question",
    ),
    (
        "last_run",
        r"\b(?:last|previous|latest|most recent) (?:\w+ )?(?:run|answer)\b",
        "look up how your last run ended",
    ),
    ("failed_runs", r"\b(?:runs?|many)\b.*\bfail(?:ed|ures?)?\b|\bfailed runs?\b", "count your runs that failed"),
    ("count_runs", r"\b(?:how many|number of|count)\b.*\bruns?\b|\bruns do i have\b", "count your runs"),
    ("count_events", r"\b(?:how many|number of|count)\b.*\bevents?\b|\bevents do i have\b", "count your events"),
)
_COUNT = re.compile(r"(?:slowly )?count(?: slowly| up)*(?: from (?:1|one))? to (?P<to>[0-9][0-9,]{0,8})(?: slowly)?")
_BREAK = re.compile(r"[?;\n]+|(?<![0-9])!+|\.(?=\s+[A-Za-z]|\s*$)|,(?=\s)|\b(?:and|then|also)\b", re.IGNORECASE)

_N = r"([0-9](?:[0-9.,]*[0-9])?)"
_END = r"(?=\s*(?:$|[?!;=\n]|[.,](?![0-9])|(?:and|then|also|please)\b))"
#: Arithmetic told as a sentence, and how it is written.
SPOKEN = (
    (rf"\b(?:add|sum of) {_N} (?:and|to) {_N}{_END}", r"(\1 + \2)"),
    (rf"\bsubtract {_N} from {_N}{_END}", r"(\2 - \1)"),
    (rf"\bdifference (?:between|of) {_N} and {_N}{_END}", r"(\1 - \2)"),
    (rf"\b(?:multiply|product of) {_N} (?:and|by|with) {_N}{_END}", r"(\1 * \2)"),
    (rf"\bdivide {_N} by {_N}{_END}", r"(\1 / \2)"),
    (rf"\b(?:square )?root of {_N}{_END}", r"(\1 ** 0.5)"),
)
_CALCULATE = re.compile(r"calculate|compute|evaluate", re.IGNORECASE)
#: Words of courtesy and of asking, before and after what is asked.
_BEFORE = re.compile(
    "please|hi|hello|hey|ok|okay|so|now|can|could|would|will|you|i|need|want|like|to|know|tell|show|give|find|me|what|"
    "what's|whats|is|are|how|much|does|do|calculate|compute|evaluate|work|out|solve|the|result|value|answer|of",
    re.IGNORECASE,
)
_AFTER = re.compile("please|thanks|thank|you|is|equals?|to|now|for|me", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a tool: its name, what it is called with, and what for."""

    tool: str
    parameters: dict[str, str | int]
    aim: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps that answer a question, in order, and the parts of it that they leave out."""

    steps: list[Step]
    left_out: list[str]


def plan(question: str) -> Plan:
    """The plan for a question. Any text has one; when no rule fits it has no step."""
    for spoken, arithmetic in SPOKEN:
        question = re.sub(spoken, arithmetic, question, flags=re.IGNORECASE)
    made = Plan([], [])
    for part in filter(None, (part.strip() for part in _BREAK.split(question))):
        bare = _bare(part)
        step = _step(part, bare)
        if step is None or len(made.steps) == STEPS:
            # What is courtesy alone is no part of the question.
            made.left_out.extend([part] if bare else [])
        elif step not in made.steps:
            made.steps.append(step)
    return made


def _step(part: str, bare: str) -> Step | None:
    if len(part) <= LENGTH:
        sentence = " ".join(part.lower().split())
        if counting := _COUNT.fullmatch(bare.lower()):
            to = int(counting["to"].replace(",", ""))
            return Step("count", {"to": to}, f"count to {to:,}")
        for query, words, aim in RECORDS:
            if re.search(words, sentence):
                return Step("records", {"query": query}, aim)
    if is_arithmetic(bare) or (bare and any(map(_CALCULATE.fullmatch, part.split()[:3]))):
        return Step("calculator", {"expression": bare}, f"calculate {shortened(bare)}")
    return None


def _bare(part: str) -> str:
    """The part without the words of courtesy and of asking around it."""
    words = part.replace("’", "'").split()
    first, last = 0, len(words)
    while first < last and _BEFORE.fullmatch(words[first].rstrip(",:")):
        first += 1
    while first < last and _AFTER.fullmatch(words[last - 1].strip(".=")):
        last -= 1
    return " ".join(words[first:last]).rstrip(" .,:=")
