"""``manage.py audit_emitters``: finds who emits client events beside the one emitter."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from emitter.management.output import until_reader_leaves
from emitter.migration.audit import LEFT_OUT, BrokenBaseline, Comparison, Report, audit, baseline, compare, text

#: Characters of the progress bar, and files between two looks of it.
BAR = 30


class Command(BaseCommand):
    """Reads a code base and prints each place that emits."""

    help = (
        "Reads the syntax trees of a code base, runs nothing of it, and lists every place that emits one of the five "
        "critical events to clients: sources, wrappers that only delegate, and functions that send whatever comes. "
        "Exit code 1 if an event has more than one source; with --baseline only if one of them is new."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH", help="folders or files to read")
        parser.add_argument(
            "--exclude",
            action="append",
            default=[],
            metavar="GLOB",
            help="leave out files and folders by name or by path below PATH; may be given again",
        )
        parser.add_argument("--all-folders", action="store_true", help=f"enter these as well: {', '.join(LEFT_OUT)}")
        parser.add_argument(
            "--format", choices=["text", "json"], default="text", help="how to print it (default: text)"
        )
        parser.add_argument("--baseline", metavar="FILE", help="fail only for sources that are not in this file")
        parser.add_argument("--write-baseline", metavar="FILE", help="write the sources there are into this file")

    def handle(self, *args: Any, **options: Any) -> None:
        known = _read_baseline(options["baseline"]) if options["baseline"] else None
        report = self._audit(options)
        folder = Path(options["baseline"]).parent if options["baseline"] else Path()
        comparison = None if known is None else compare(report, known, folder)
        with until_reader_leaves():
            self._print(report, comparison, options)
        if options["write_baseline"]:
            _write_baseline(report, Path(options["write_baseline"]))
        elif comparison is not None:
            self._end(comparison.new and f"{len(comparison.new):,} new: {_sources(report)}")
        else:
            self._end(report.contested() and _sources(report))

    def _audit(self, options: dict[str, Any]) -> Report:
        left_out = () if options["all_folders"] else LEFT_OUT
        shows = sys.stderr.isatty()
        try:
            return audit(
                options["paths"],
                options["exclude"],
                left_out=left_out,
                progress=self._progress if shows else lambda done, total: None,
            )
        except FileNotFoundError as error:
            raise CommandError(f"There is no {error}.", returncode=2) from None
        except KeyboardInterrupt:
            raise CommandError("Interrupted.", returncode=130) from None

    def _progress(self, done: int, total: int) -> None:
        bar = "█" * (BAR * done // max(total, 1))
        self.stderr.write(f"\r{bar:░<{BAR}} {done:,} of {total:,} files ", self.style.NOTICE, ending="")
        if done == total:
            self.stderr.write("")

    def _print(self, report: Report, comparison: Comparison | None, options: dict[str, Any]) -> None:
        if options["format"] == "json":
            found = report.as_dict()
            if comparison is not None:
                found |= comparison.as_dict()
            self.stdout.write(json.dumps(found, indent=2))
            return
        for line in text.lines(report, self._styled, comparison=comparison, everything=options["verbosity"] > 1):
            self.stdout.write(line)

    def _styled(self, kind: str, words: str) -> str:
        styles = {"bad": self.style.ERROR, "good": self.style.SUCCESS, "title": self.style.MIGRATE_HEADING}
        return styles[kind](words) if kind in styles else words

    def _end(self, complaint: str | list[Any]) -> None:
        if complaint:
            raise CommandError(f"{complaint}. One emitter is enough: see docs/migration.md.")


def _sources(report: Report) -> str:
    return ", ".join(f"{number} sources for {event}" for event, number in report.summary().items() if number > 1)


def _read_baseline(name: str) -> list[baseline.Known]:
    try:
        return baseline.load(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(
            f"The baseline {name} cannot be read ({error.strerror}); --write-baseline makes one.", returncode=2
        ) from error
    except (BrokenBaseline, UnicodeDecodeError) as error:
        raise CommandError(f"{name} is no baseline ({error}); --write-baseline makes one.", returncode=2) from error


def _write_baseline(report: Report, path: Path) -> None:
    try:
        path.write_text(baseline.dump(report, path.parent), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"The baseline {path} cannot be written ({error.strerror}).", returncode=2) from error
