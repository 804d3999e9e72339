"""What an old sender sent against what the emitter would have sent. Pure.

:func:`compare` tells the differences that matter from those that are expected (``EXPECTED``), which are the emitter's
ways of saying the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from emitter.migration.shapes import Said, Shape, renamed

#: What can differ, the gravest first.
KINDS = {
    "refused": "the old sender sent, and the emitter would have refused",
    "unreadable": "a frame has none of the known shapes",
    "missing": "the emitter would have sent, and the old sender did not",
    "extra": "the old sender sent what the emitter would not",
    "type": "the type is another",
    "user": "the user is another",
    "run": "the run is another",
    "agent": "the agent is another",
    "field": "a field is another, or on one side alone",
}
#: What is not counted as a difference, and why.
EXPECTED = {
    "redaction": "one side took a secret or a local path out",
    "shortening": "one side cut a long text or list off",
    "time": "the same moment, written in another way",
    "wording": "a sentence for people that the old sender made itself",
    "added": "the emitter says what the old sender left out",
    "tier": "the tier is the policy's, and not the old context's",
    "overwritten": "data of a flat frame went over the frame's own type, run or agent",
    "retried": "the old sender sent the same frame again",
    "unsent": "the old sender answered that it could not send",
    "revived": "the old method never got as far as the wire",
    "declared": "SHADOW_EXPECTED names the field",
}
#: Sentences that old senders made, where the frame's shape says that it is one.
SENTENCES = frozenset({"message", "performance_impact", "enterprise_message"})
#: What the emitter's faces say in addition.
ADDED = {
    "agent_error": frozenset({"error_type"}),
    "agent_completed": frozenset({"usage", "fallback"}),
    "progress_update": frozenset({"is_complete", "progress_data.message", "result"}),
}
#: Old methods that ended in a swallowed error before they sent anything.
NEVER_SENT = frozenset({"send_legacy_update", "send_processing_update", "send_completion_update"})
REDACTED = "[REDACTED]"
MARKS = (REDACTED, "[PATH]")
_CUT = re.compile(r"(?:\.\.\.|… \[[\d,]+ more characters\])\Z")
_CUT_ITEMS = re.compile(r"\.\.\.\(truncated\)\Z|… \[[\d,]+ more items\]\Z")
#: What old senders wrote as ``[PATH]/``.
_HOME = re.compile(r"/Users/|/home/")
_MARK = re.compile("|".join(map(re.escape, MARKS)))


class Absent:
    """The value of a field that one side does not have."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which both sides differ. ``path`` is the field's, empty unless the kind is ``field``."""

    kind: str
    path: str = ""
    old: Any = ABSENT
    new: Any = ABSENT

    def __str__(self) -> str:
        return f"{self.kind} {self.path}".rstrip()


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs, and which of ``EXPECTED`` was met on the way."""

    differences: Sequence[Difference] = ()
    expected: frozenset[str] = frozenset()


def compare(old: Sequence[Said], new: Said | None, *, silence: str = "", declared: Collection[str] = ()) -> Comparison:
    """The frames of one call against its one event. ``silence`` names what of ``EXPECTED`` explains no frame at all."""
    expected: set[str] = set()
    frames = list(_without_repetitions(old, expected))
    if new is None:
        return Comparison([Difference("extra", old=said.type) for said in frames])
    if not frames:
        if silence:
            return Comparison((), frozenset({silence}))
        return Comparison([Difference("missing", new=new.type)])
    chosen = next((said for said in frames if said.type == new.type), frames[0])
    found = [
        *_of_envelopes(chosen, new, expected),
        *(Difference("extra", old=said.type) for said in frames if said is not chosen),
    ]
    for difference in _of_objects(renamed(new.type, chosen.fields), new.fields, "", expected):
        name = _excuse(chosen, new, difference, declared)
        expected |= {name} if name else set()
        found += [] if name else [difference]
    return Comparison(found, frozenset(expected))


def _without_repetitions(old: Sequence[Said], expected: set[str]) -> Iterator[Said]:
    seen: list[Said] = []
    for said in old:
        if said in seen:
            expected.add("retried")
        else:
            seen.append(said)
            yield said


def _of_envelopes(old: Said, new: Said, expected: set[str]) -> Iterator[Difference]:
    """Type, user, run and agent, as far as the old frame names them."""
    for kind, own in (("type", "type"), ("user", "user_id"), ("run", "run_id"), ("agent", "agent_name")):
        was, would = getattr(old, kind), getattr(new, kind)
        if was is None or was == would:
            continue
        if old.shape is Shape.FLAT and new.own.get(own) == was:
            expected.add("overwritten")
        else:
            yield Difference(kind, old=was, new=would)


def _excuse(old: Said, new: Said, difference: Difference, declared: Collection[str]) -> str | None:
    """Why a field may differ, by where it stands; ``None`` when it may not."""
    path = difference.path
    if any(fnmatchcase(f"{new.type}.{path}", pattern) for pattern in declared):
        return "declared"
    if path == "user_tier":
        return "tier"
    if difference.old is ABSENT and path in ADDED.get(new.type, ()):
        return "added"
    made_by_itself = path in SENTENCES and old.shape in (Shape.BRIDGE, Shape.FLAT)
    if made_by_itself and all(isinstance(side, str) and side for side in (difference.old, difference.new)):
        return "wording"
    return None


# Values ---------------------------------------------------------------------------------------------------------------


def _of_objects(old: Mapping[str, Any], new: Mapping[str, Any], path: str, expected: set[str]) -> Iterator[Difference]:
    for key in [*old, *(key for key in new if key not in old)]:
        place = f"{path}.{key}" if path else key
        yield from _of_values(old.get(key, ABSENT), new.get(key, ABSENT), place, expected)


def _of_values(old: Any, new: Any, path: str, expected: set[str]) -> Iterator[Difference]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _of_objects(old, new, path, expected)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _of_lists(old, new, path, expected)
    elif not _same(old, new):
        if name := _said_otherwise(old, new):
            expected.add(name)
        else:
            yield Difference("field", path, old, new)


def _of_lists(old: list[Any], new: list[Any], path: str, expected: set[str]) -> Iterator[Difference]:
    if _is_cut(old) != _is_cut(new):
        kept = (len(old) if _is_cut(old) else len(new)) - 1
        if min(len(old), len(new)) > kept:
            expected.add("shortening")
            old, new = old[:kept], new[:kept]
    if len(old) != len(new):
        yield Difference("field", path, old, new)
        return
    for place, (was, would) in enumerate(zip(old, new, strict=True)):
        yield from _of_values(was, would, f"{path}[{place}]", expected)


def _is_cut(items: list[Any]) -> bool:
    return bool(items) and isinstance(items[-1], str) and _CUT_ITEMS.search(items[-1]) is not None


def _same(old: Any, new: Any) -> bool:
    """Equal as JSON: ``1`` is ``1.0`` and is not ``true``."""
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    return bool(old == new)


def _said_otherwise(old: Any, new: Any) -> str | None:
    """Which expected difference explains two values, if any."""
    if REDACTED in (old, new) and ABSENT not in (old, new):
        return "redaction"
    if isinstance(old, str) and isinstance(new, str):
        if _marked(old, new) or _marked(new, old):
            return "redaction"
        if _cut_text(*(_HOME.sub("[PATH]/", side) for side in (old, new))):
            return "shortening"
    moments = _moment(old), _moment(new)
    if None not in moments and math.isclose(*moments, rel_tol=0, abs_tol=0.001):  # type: ignore[arg-type]
        return "time"
    return None


def _marked(marked: str, whole: str) -> bool:
    """Whether ``whole`` is ``marked`` with something in the place of each mark."""
    first, *middle = _MARK.split(marked)
    if not middle:
        return False
    place, end = len(first), len(whole) - len(middle[-1])
    if not whole.startswith(first) or not whole.endswith(middle.pop()):
        return False
    for part in middle:
        found = whole.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return place <= end


def _cut_text(old: str, new: str) -> bool:
    """Whether one is the beginning of the other, as far as a mark says that something was cut off."""
    (old, old_cut), (new, new_cut) = _CUT.subn("", old), _CUT.subn("", new)
    return bool(old_cut and new.startswith(old)) or bool(new_cut and old.startswith(new))


def _moment(value: Any) -> float | None:
    """Seconds since 1970 of an ISO time or of a number that may be one."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 1e9 <= value < 1e10:
        return float(value)
    if not isinstance(value, str) or not 19 <= len(value) <= 40:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
