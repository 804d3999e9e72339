"""When an adapter has to go back. Pure."""

from __future__ import annotations

from typing import NamedTuple

from emitter.models import Mode

#: Minutes that are looked at together.
MINUTES = 5


class Counts(NamedTuple):
    """How calls went."""

    calls: int = 0
    failures: int = 0
    differences: int = 0


class Limits(NamedTuple):
    """What a team has set; ``None`` sets no limit."""

    shadow: float | None
    failures: float | None
    calls: int


def breach(mode: Mode, counts: Counts, limits: Limits) -> str | None:
    """Which limit was passed, in words; ``None`` when none was."""
    if counts.calls < max(1, limits.calls):
        return None
    number, limit, what = {
        Mode.SHADOW: (counts.differences, limits.shadow, "differed"),
        Mode.UNIFIED: (counts.failures, limits.failures, "failed"),
        Mode.LEGACY: (0, None, ""),
    }[mode]
    if limit is None or number <= limit * counts.calls:
        return None
    return f"{number:,} of {counts.calls:,} calls {what} in {MINUTES} minutes, more than {limit:.1%}"
