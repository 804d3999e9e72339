"""Keeps tickets, tokens and keys out of logs and error pages.

A ticket in an address is taken out of the scope before anything else sees it, so that no server log, error page or
error mail can show it. What still looks like a secret is masked in the loggers that print addresses.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

HIDDEN = "hidden"
#: Parameters that carry secrets, in our addresses and in those of older clients.
PARAMETERS = ("ticket", "token", "jwt", "access_token")
#: Ours that take a ticket, or from older clients a token.
PATHS = ("/ws/events/", "/api/events/stream/", "/ws", "/ws/")
#: Where servers and Django print addresses.
LOGGERS = ("django.server", "django.channels.server", "django.request", "uvicorn.access", "uvicorn.error", "emitter")

_ORIGINAL = "emitter.query_string"
_PARAMETER = re.compile(rf"(?i)([?&](?:{'|'.join(PARAMETERS)})=)[^&\s\"'#]+")
_SHAPES = re.compile(r"\b(?:eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|nek_[\w-]{8,})")


class Secret(str):
    """A text that shows itself to nobody: not in a traceback's variables, not by mistake."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{HIDDEN}'"


def conceal(scope: MutableMapping[str, Any]) -> None:
    """Takes the ticket out of a scope's address; :func:`query_of` still has it."""
    query: bytes = scope.get("query_string", b"")
    if not query or not scope.get("path", "").endswith(PATHS):
        return
    pairs = parse_qsl(query.decode("latin1"), keep_blank_values=True)
    if any(name in PARAMETERS for name, _ in pairs):
        scope[_ORIGINAL] = query
        shown = [(name, HIDDEN if name in PARAMETERS else value) for name, value in pairs]
        scope["query_string"] = urlencode(shown).encode()


def query_of(scope: Mapping[str, Any]) -> bytes:
    """The query as the client sent it."""
    query: bytes = scope.get(_ORIGINAL, scope.get("query_string", b""))
    return query


def mask(text: str) -> str:
    """A text with whatever looks like a secret hidden."""
    return _SHAPES.sub(HIDDEN, _PARAMETER.sub(rf"\g<1>{HIDDEN}", text))


class HideSecrets(logging.Filter):
    """Masks the texts of a log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets every record through."""
        if isinstance(record.msg, str):
            record.msg = mask(record.msg)
        if isinstance(record.args, Mapping):
            record.args = {name: _masked(value) for name, value in record.args.items()}
        elif record.args:
            record.args = tuple(_masked(value) for value in record.args)
        return True


def _masked(value: Any) -> Any:
    return mask(value) if isinstance(value, str) else value


def install() -> None:
    """Puts the filter before the loggers that print addresses, once."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(one, HideSecrets) for one in logger.filters):
            logger.addFilter(HideSecrets())
