"""What an audit found, counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from emitter.events import CRITICAL
from emitter.migration.audit.facts import Unread
from emitter.migration.audit.verdicts import Finding, Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """The findings, by path and line; the files that could not be read; and how many were."""

    findings: list[Finding]
    unread: list[Unread]
    files: int

    def sources(self, event: str) -> list[Finding]:
        return self.of(Verdict.SOURCE, event)

    def of(self, verdict: Verdict, event: str) -> list[Finding]:
        return [finding for finding in self.findings if finding.verdict is verdict and event in finding.events]

    def summary(self) -> dict[str, int]:
        """How many sources each event has."""
        return {event: len(self.sources(event)) for event in CRITICAL}

    def contested(self) -> list[str]:
        """The events that have more than one source."""
        return [event for event, number in self.summary().items() if number > 1]

    def each_source(self) -> Iterator[tuple[str, Finding]]:
        for event in CRITICAL:
            for finding in self.sources(event):
                yield event, finding

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "sources": [_as_dict(finding) for finding in self.findings],
            "summary": self.summary(),
            "files": self.files,
            "unread": [{"path": one.path, "why": one.why} for one in self.unread],
        }


def _as_dict(finding: Finding) -> dict[str, Any]:
    return {
        "path": finding.path,
        "line": finding.line,
        "symbol": finding.symbol,
        "events": finding.events,
        "verdict": finding.verdict.value,
        "to": finding.to,
        "also": [{"line": spot.line, "symbol": spot.symbol} for spot in finding.also],
    }
