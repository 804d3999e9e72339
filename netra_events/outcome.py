"""What becomes of a tool's work: an outcome, or an error in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """``result`` is what the tool found, as JSON can carry it; ``sentence`` says it to the person who asked."""

    result: Any
    sentence: str


class ToolError(Exception):
    """The tool cannot do what it was asked. ``detail`` tells the person why, and what would work."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def shortened(text: str, length: int = 80) -> str:
    """The text on one line, its end left out when it is long."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"
