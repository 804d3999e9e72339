"""``manage.py verify_log``: proves what the log promises."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from emitter.log import verify
from emitter.management.output import until_reader_leaves
from emitter.management.people import key_of


class Command(BaseCommand):
    """Reads every stream and prints a line for each fault."""

    help = (
        "Proves the log: each stream gapless and in order, each text the row it stands in, one owner per run, no "
        "acknowledgement above the head. Prints a line for each fault; exit code 1 if there is one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", help="only this user's stream (key or user name)")

    def handle(self, *args: Any, **options: Any) -> None:
        keys = [key_of(options["user"])] if options["user"] else verify.streams()
        with until_reader_leaves():
            self._verify(keys)

    def _verify(self, keys: list[str]) -> None:
        faults = events = 0
        for place, key in enumerate(keys, 1):
            report = verify.faults_of(key)
            events += report.events
            for fault in report.faults:
                faults += 1
                self.stdout.write(f"{key}: {fault}")
            if sys.stderr.isatty():
                self.stderr.write(f"\r{place:,} of {len(keys):,} streams, {events:,} events ", ending="")
        if sys.stderr.isatty():
            self.stderr.write("")
        if faults:
            raise CommandError(f"{faults:,} faults in {events:,} events of {len(keys):,} streams.")
        self.stdout.write(f"{events:,} events of {len(keys):,} streams: no fault.")
