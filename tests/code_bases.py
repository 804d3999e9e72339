"""Small code bases, written to be read."""

from pathlib import Path
from textwrap import dedent

from emitter.migration.audit import Finding, Report, audit

LAYOUTS = Path(__file__).parent / "legacy_layouts"


def write(folder: Path, files: dict[str, str]) -> Path:
    """Writes files by path."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    return folder


def audited(folder: Path, files: dict[str, str] | str) -> Report:
    """What the audit finds in these files, or in one of this text."""
    return audit([str(write(folder, {"code.py": files} if isinstance(files, str) else files))])


def found(report: Report, verdict: str) -> dict[str, list[str]]:
    """The events by symbol."""
    return {finding.symbol: finding.events for finding in report.findings if finding.verdict == verdict}


def owners(findings: list[Finding]) -> list[str]:
    return sorted(finding.owner for finding in findings)
