"""``manage.py redact_event``: empties one event."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from emitter.management.people import key_of
from emitter.service import upkeep


class Command(BaseCommand):
    """Redacts one event in place."""

    help = "Empties the payload of one event for good; its number, type and time stay. Clients keep what they saw."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True, help="the user's key or user name")
        parser.add_argument("--seq", required=True, type=int, help="the event's number")

    def handle(self, *args: Any, **options: Any) -> None:
        key = key_of(options["user"])
        if not upkeep.redact(key, options["seq"]):
            raise CommandError(f"not_found: {key!r} has no event #{options['seq']}.")
        self.stdout.write(f"#{options['seq']} of {key!r} is redacted.")
