"""``manage.py migration_status``: which way the calls of the old faces go."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser, ArgumentTypeError
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError

from emitter.errors import EmitterError
from emitter.management.output import until_reader_leaves
from emitter.migration import history, status
from emitter.migration.modes import ADAPTERS
from emitter.models import Mode


def percentage(text: str) -> Decimal:
    """``25``, ``0.5`` or ``25%``."""
    try:
        number = Decimal(text.removesuffix("%"))
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or not 0 <= number <= 100 or number != round(number, 2):
        raise ArgumentTypeError(f"{text!r} is no percentage; write 25 or 0.5, at most 100 and two decimals")
    return number


class Command(BaseCommand):
    """Shows the modes, or sets one."""

    help = (
        "Shows the mode of each old face and how its calls went since that was set. With --set the calls of an adapter "
        "go another way: legacy (your old sender), shadow (your old sender, and the emitter compares) or unified (the "
        "emitter). Every process follows within 5 seconds. The way back is the same command with the earlier mode."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--set",
            nargs=2,
            metavar=("ADAPTER", "MODE"),
            help=f"one of {', '.join(ADAPTERS)}, and one of {', '.join(Mode.values)}",
        )
        parser.add_argument(
            "--users",
            type=percentage,
            metavar="PERCENT",
            help="only this share of the users; the others keep the mode that was last set for all (default: 100)",
        )
        parser.add_argument("--reason", default="", help="why, for the history of modes")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["set"] is None and (options["users"] is not None or options["reason"]):
            raise CommandError("--users and --reason belong to --set ADAPTER MODE.", returncode=2)
        if options["set"] is not None:
            adapter, mode = options["set"]
            self._set(adapter, mode, options)
            if not options["json"]:
                return
        found = list(status.statuses())
        with until_reader_leaves():
            if options["json"]:
                told = {"adapters": {one.setting.adapter: one.as_json() for one in found}}
                self.stdout.write(msgspec.json.encode(told).decode())
            else:
                self.stdout.write("\n".join(status.table(found)))

    def _set(self, adapter: str, mode: str, options: dict[str, Any]) -> None:
        percent = Decimal(100) if options["users"] is None else options["users"]
        try:
            setting = history.change(adapter, mode, percent, by=_operator(), reason=options["reason"])
        except EmitterError as error:
            raise CommandError(str(error)) from error
        if not options["json"]:
            self.stdout.write(f"{adapter}: {setting}. Every process follows within 5 seconds.")


def _operator() -> str:
    """Who is at the keyboard, as far as the system knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "a command"
