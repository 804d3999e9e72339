"""``manage.py create_token``: a bearer token for a user."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from emitter.errors import EmitterError
from emitter.management.people import key_of
from emitter.policy import users
from emitter.policy.identity import create_token

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def duration(text: str) -> int:
    """Seconds of ``90s``, ``15m``, ``1h`` or ``7d``."""
    match = re.fullmatch(r"([1-9]\d{0,5})([smhd])", text)
    if match is None:
        raise ArgumentTypeError(f"{text!r} is no duration; write 90s, 15m, 1h or 7d")
    return int(match[1]) * _UNITS[match[2]]


class Command(BaseCommand):
    """Prints a JWT."""

    help = (
        "Prints a bearer token (JWT, HS256, sub = the user's key) for Authorization: Bearer …. With --emit its "
        "bearer may emit for any user; without it only read and ask for the user it names."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True, help="the user's key or user name")
        parser.add_argument("--emit", action="store_true", help="the bearer may emit events for any user")
        parser.add_argument("--expires", type=duration, default="1h", help="90s, 15m, 1h, 7d (default: 1h)")

    def handle(self, *args: Any, **options: Any) -> None:
        key = key_of(options["user"])
        fingerprint = users.fingerprint(users.user_of(key))
        try:
            token = create_token(key, seconds=options["expires"], emit=options["emit"], fingerprint=fingerprint)
        except EmitterError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(token)
