"""``manage.py new_epoch``: after a restore from a backup."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from emitter.management.people import keys_of
from emitter.service import upkeep


class Command(BaseCommand):
    """Gives streams another identity."""

    help = (
        "Gives every stream (or one) a new epoch; numbers go on. Run it after the database was restored from a backup: "
        "numbers that clients have seen may name other events now, and with a new epoch they are told a gap instead."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", help="only this user's stream (key or user name)")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{upkeep.new_epoch(keys_of(options['user'])):,} streams have a new epoch.")
