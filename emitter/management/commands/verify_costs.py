"""``manage.py verify_costs``: proves the totals of tokens and cost."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from emitter.log import verify as log_verify
from emitter.management.output import until_reader_leaves
from emitter.management.people import key_of
from emitter.metering import verify


class Command(BaseCommand):
    """Calculates all totals anew and prints a line for each that differs."""

    help = (
        "Calculates tokens and cost anew from the events and holds them, to the last digit, against what was counted "
        "of each event, each run and each day. Prints a line for each difference; exit code 1 if there is one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", help="only this user's stream (key or user name)")

    def handle(self, *args: Any, **options: Any) -> None:
        keys = [key_of(options["user"])] if options["user"] else log_verify.streams()
        with until_reader_leaves():
            self._verify(keys)

    def _verify(self, keys: list[str]) -> None:
        faults = events = 0
        for key in keys:
            report = verify.faults_of(key)
            events += report.events
            faults += len(report.faults)
            for fault in report.faults:
                self.stdout.write(f"{key}: {fault}")
        if faults:
            raise CommandError(f"{faults:,} differences in {events:,} events of {len(keys):,} streams.")
        self.stdout.write(f"{events:,} events of {len(keys):,} streams: no difference.")
