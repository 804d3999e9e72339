"""An audit in words, for the people of a team."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from emitter.events import CRITICAL
from emitter.migration.audit.baseline import Comparison
from emitter.migration.audit.report import Report
from emitter.migration.audit.verdicts import Finding, Verdict

#: Most places of a kind that are listed.
LISTED = 10

#: Makes a text stand out: ``"bad"``, ``"good"``, ``"title"`` or ``"aside"``.
Style = Callable[[str, str], str]


def lines(
    report: Report, style: Style, *, comparison: Comparison | None = None, everything: bool = False
) -> Iterator[str]:
    """The report, event by event. ``everything`` lists all that delegate, and all sends."""
    most = len(report.findings) if everything else LISTED
    for event in CRITICAL:
        yield from _event(report, event, style, most)
    yield from _transports(report, style, most)
    yield from _unread(report, style)
    if comparison is not None:
        yield from _compared(comparison, style)
    yield _sum(report)


def _event(report: Report, event: str, style: Style, most: int) -> Iterator[str]:
    sources, delegates = report.sources(event), report.of(Verdict.DELEGATES, event)
    head = f"{_number(len(sources), 'source')} for {event}"
    if not sources and not delegates:
        yield style("aside", head)
        return
    yield style("good" if len(sources) == 1 else "bad" if sources else "title", f"{head}{':' if sources else ''}")
    for source in sources:
        yield f"  {source.path}:{source.line}  {style('title', source.symbol)}{_also(source)}"
    if len(sources) > 1:
        yield f"  Keep one of {_names(sources)}; let the others call it, or take them out."
    elif not sources:
        yield "  Whoever sends it is outside of what was read."
    if delegates:
        yield style("aside", f"  {_number(len(delegates), 'place')} only delegate{'s' * (len(delegates) == 1)}:")
        yield from (f"    {one.path}:{one.line}  {one.symbol}{_to(one)}" for one in delegates[:most])
        yield from _rest(len(delegates), most, "    ")
    yield ""


def _transports(report: Report, style: Style, most: int) -> Iterator[str]:
    sends = [finding for finding in report.findings if finding.verdict is Verdict.TRANSPORT]
    if sends:
        yield style("title", f"{_number(len(sends), 'function')} that send{'s' * (len(sends) == 1)} whatever comes:")
        yield from (f"  {one.path}:{one.line}  {one.symbol}{_to(one)}" for one in sends[:most])
        yield from _rest(len(sends), most, "  ")
        yield ""


def _unread(report: Report, style: Style) -> Iterator[str]:
    if report.unread:
        yield style("bad", f"{_number(len(report.unread), 'file')} not read, so nothing is said of {_them(report)}:")
        yield from (f"  {one.path} {one.why}" for one in report.unread)
        yield ""


def _compared(comparison: Comparison, style: Style) -> Iterator[str]:
    if comparison.new:
        yield style("bad", f"{_number(len(comparison.new), 'source')} not in the baseline:")
        for event, one in comparison.new:
            yield f"  {one.path}:{one.line}  {style('title', one.symbol)}  {event}"
        yield "  Call the emitter there instead."
        yield ""
    if comparison.gone:
        yield style("good", f"{_number(len(comparison.gone), 'source')} of the baseline gone; take out:")
        yield from (f"  {known.path}  {known.owner}  {known.event}" for known in comparison.gone)
        yield "  --write-baseline does it."
        yield ""


def _sum(report: Report) -> str:
    counts = ", ".join(f"{number} for {event}" for event, number in report.summary().items())
    return f"{_number(report.files, 'file')} read. Sources: {counts}."


def _also(finding: Finding) -> str:
    if not finding.also:
        return ""
    return f"  (also {', '.join(f'{spot.symbol}:{spot.line}' for spot in finding.also)})"


def _to(finding: Finding) -> str:
    return f" -> {finding.to}" if finding.to else ""


def _names(findings: list[Finding]) -> str:
    owners = list(dict.fromkeys(finding.owner for finding in findings))
    return " and ".join(filter(None, [", ".join(owners[:-1]), owners[-1]]))


def _rest(number: int, most: int, indent: str) -> Iterator[str]:
    if number > most:
        yield f"{indent}and {number - most:,} more; -v 2 lists them."


def _them(report: Report) -> str:
    return "it" if len(report.unread) == 1 else "them"


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
