"""``manage.py prune_events``: retention."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand

from emitter.management.people import keys_of
from emitter.migration import upkeep as migration_upkeep
from emitter.policy import access
from emitter.service import upkeep

LONGEST = 36_500


def days(text: str) -> float:
    """``30`` or ``0.5``. A negative age would delete all there is."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= LONGEST:
        raise ArgumentTypeError(f"{text!r} is no number of days; write 30 or 0.5, at most {LONGEST:,}")
    return number


class Command(BaseCommand):
    """Deletes old events in small steps."""

    help = (
        "Deletes events older than RETENTION_DAYS, or than the user's tier keeps them, each step at most 1,000 of one "
        "stream, so that nobody waits long. "
        "Clients that come later for pruned events are told a gap. May be stopped and run again at any time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=days, help="older than this many days (default: those of each user's tier)")
        parser.add_argument("--user", help="only this user's stream (key or user name)")

    def handle(self, *args: Any, **options: Any) -> None:
        deleted = 0
        for step in upkeep.prune(keys_of(options["user"]), options["days"]):
            deleted += step
            if sys.stderr.isatty():
                self.stderr.write(f"\r{deleted:,} events deleted ", ending="")
        access.prune()
        self.stdout.write(f"{deleted:,} events deleted.")
        if options["user"] is None and (others := migration_upkeep.prune(options["days"])):
            self.stdout.write(f"{others:,} tallies and differences of old faces deleted.")
