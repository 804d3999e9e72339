"""``manage.py erase_user``: everything the log holds of one user."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from emitter import log
from emitter.errors import EmitterError
from emitter.migration import upkeep as migration_upkeep
from emitter.policy import users
from emitter.service import upkeep


class Command(BaseCommand):
    """Erases a user's stream."""

    help = (
        "Deletes a user's events, runs, devices, tickets, stream and what shadow calls showed of them. "
        "The user's account is not touched. A key that is used again begins a stream with a new epoch. Asks first, "
        "unless --yes is given."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True, help="the user's key or user name; a key may outlive its user")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        key = self._key(options["user"])
        if not options["yes"] and _answer(f"Erase everything of {key!r}? Type the key to go on: ") != key:
            raise CommandError("Nothing was erased. Type the key when you are asked, or give --yes.")
        deleted = sum(upkeep.erase(key))
        migration_upkeep.erase(key)
        self.stdout.write(f"{deleted:,} events of {key!r} erased, and the stream with them.")

    def _key(self, value: str) -> str:
        try:
            return users.find(value)
        except EmitterError as error:
            if error.code == "unknown_user" and (log.heads([value]) or migration_upkeep.knows(value)):
                return value
            raise CommandError(str(error)) from error


def _answer(question: str) -> str:
    """What the person types, nothing where nobody is there to be asked."""
    try:
        return input(question)
    except EOFError:
        return ""
