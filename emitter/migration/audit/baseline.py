"""The sources that a team knows of already, so that only a new one fails.

Lines are left out: they move with every edit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emitter.migration.audit.report import Report
from emitter.migration.audit.verdicts import Finding


@dataclass(frozen=True, slots=True, order=True)
class Known:
    """A class or function that is a source of an event. The path is seen from the baseline's own folder."""

    event: str
    path: str
    owner: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """``new`` are sources of contested events that the baseline does not know; ``gone`` is what it need not know."""

    new: list[tuple[str, Finding]]
    gone: list[Known]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        new = [{"event": event, "path": one.path, "line": one.line, "symbol": one.symbol} for event, one in self.new]
        return {"new": new, "gone": [asdict(known) for known in self.gone]}


class BrokenBaseline(ValueError):
    """The file is no baseline."""


def compare(report: Report, known: Iterable[Known], folder: Path) -> Comparison:
    """What has come and what has gone since."""
    before, now = set(known), {}
    for event, finding in report.each_source():
        now[_known(event, finding, folder)] = (event, finding)
    contested = report.contested()
    new = [source for one, source in now.items() if one not in before and one.event in contested]
    return Comparison(new, sorted(before - set(now)))


def dump(report: Report, folder: Path) -> str:
    """The baseline of what there is."""
    known = sorted({_known(event, finding, folder) for event, finding in report.each_source()})
    return json.dumps({"sources": [asdict(one) for one in known]}, indent=2) + "\n"


def load(text: str) -> list[Known]:
    """Raises :class:`BrokenBaseline`."""
    try:
        entries: list[dict[str, Any]] = json.loads(text)["sources"]
        known = [Known(**entry) for entry in entries]
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenBaseline(f"{type(error).__name__}: {error}") from error
    return known


def _known(event: str, finding: Finding, folder: Path) -> Known:
    path = os.path.relpath(Path(finding.path).absolute(), folder.absolute())
    return Known(event, Path(path).as_posix(), finding.owner)
