"""The user whom a person names on the command line."""

from __future__ import annotations

from django.core.management.base import CommandError

from emitter import log
from emitter.errors import EmitterError
from emitter.policy import users


def key_of(named: str) -> str:
    """The key of the user with this key or user name. Raises ``CommandError`` with the code."""
    try:
        return users.find(named)
    except EmitterError as error:
        raise CommandError(str(error)) from error


def keys_of(named: str | None) -> list[str]:
    """The key of one user, or the keys of all streams when nobody is named."""
    return [key_of(named)] if named else log.stream_keys()
