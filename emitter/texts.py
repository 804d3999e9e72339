"""Texts from outside: characters that none of ours may hold, and numbers that are written as texts."""

from __future__ import annotations

import re

#: Control characters, half surrogate pairs, and separators that some take for the end of a line.
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


def number_in(text: str) -> int | None:
    """The whole number of 0 or more that a text is, if it is one that every database holds."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
