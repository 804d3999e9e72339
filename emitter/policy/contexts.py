"""STAND-IN until context validation is merged: the placeholder words alone."""

from __future__ import annotations

import re

_WORDS = re.compile(
    r"(registry|placeholder|default|temp|none|null|undefined|0|1|xxx|yyy|example|test|demo|sample|template|mock|fake"
    r"|dummy)\Z"
)
_PREFIXES = re.compile(r"(placeholder|registry|default|temp|example|demo|sample|template|mock|fake)_")
_SHORT = 20


def is_placeholder(value: str, *, testing: bool = False) -> bool:
    """Whether an id stands for one that was to come. ``testing`` lets ids pass that begin with ``test_``."""
    word = value.strip().lower()
    prefixed = _PREFIXES.match(word) or (word.startswith("test_") and not testing)
    return bool(_WORDS.match(word) or (len(word) < _SHORT and prefixed))
