"""Finds every place of a code base that emits client events outside one emitter. Reads its syntax trees, runs nothing.

A *source* makes one of the five critical events and sends it by a channel layer or by what holds sockets. Who
*delegates* calls another emitter for it. A *transport* sends whatever it is given. A class counts once for an event,
however many of its methods send it; so does a function that stands for itself.
"""

from collections.abc import Iterable

from emitter.migration.audit.baseline import BrokenBaseline, Comparison, Known, compare
from emitter.migration.audit.facts import Module, Unread
from emitter.migration.audit.files import LEFT_OUT, Source, find
from emitter.migration.audit.reading import Progress, deep, read_all, undisturbed
from emitter.migration.audit.reading import read as read_file
from emitter.migration.audit.report import Report
from emitter.migration.audit.verdicts import Finding, Verdict, judge

__all__ = ["LEFT_OUT", "BrokenBaseline", "Comparison", "Finding", "Known", "Report", "Verdict", "audit", "compare"]


def audit(
    paths: Iterable[str],
    exclude: Iterable[str] = (),
    *,
    left_out: Iterable[str] = LEFT_OUT,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Reads the Python files below ``paths`` and judges them together. Raises ``FileNotFoundError``."""
    found = find(paths, exclude, left_out=left_out)
    sources = {one.shown: one for one in found if isinstance(one, Source)}
    read = read_all(list(sources.values()), progress=progress)
    modules = [one for one in read if isinstance(one, Module)]
    unread = [one for one in [*found, *read] if isinstance(one, Unread)]

    def read_whole(path: str) -> Module | None:
        again = read_file(sources[path], whole=True)
        return again if isinstance(again, Module) else None

    with deep(), undisturbed():
        findings = judge(modules, read_whole)
    return Report(findings, sorted(unread, key=lambda one: one.path), len(modules))
