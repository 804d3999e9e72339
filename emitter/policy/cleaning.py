"""What is taken out of a payload before it gets its number: secrets, local paths in errors, what is too long. Pure.

Nearly every payload is clean, so it is sifted first: its keys against those that are known to be plain, its text for
the few signs without which no secret has a shape. Only what is suspicious is read and walked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Set
from dataclasses import dataclass, field
from typing import Any

import msgspec

from emitter.policy import secret_keys
from emitter.policy.secret_keys import Kind
from emitter.policy.secret_shapes import MARK, has_run, without_secrets

PATH_MARK = "[PATH]"
#: Characters for the mark that says what was cut; a limit below would leave no room for it.
LEAST = 40
#: Event types whose every text is the text of an error.
ERROR_TYPES = frozenset({"agent_error", "agent_death"})
#: Keys that are remembered as plain.
_REMEMBERED = 10_000

_ROOTS = (
    "home|Users|root|tmp|var|etc|opt|usr|srv|mnt|media|private|app|apps|workspace|workspaces|code|src|data|proc|run|lib"
    "|lib64|bin|sbin|dev|Applications|Library|System|Volumes|nix|snap|builds|github|__w|mount|storage|site-packages"
)
_UNIX = r"(?:file://)?(?:~|/(?:" + _ROOTS + r"))/"
_WINDOWS = r"(?:[A-Za-z]:[\\/]{1,4}(?!/)|\\\\\w[\w.-]*\\(?!\\)|\\{4}\w[\w.-]*\\\\(?!\\))"
_PATH = re.compile(
    rf"(?P<quote>[\"'`])(?:{_UNIX}|(?<=File \")/)[^\"'`\r\n]*(?P=quote)"
    rf"|(?<![\w/.:~-]){_UNIX}[^\s\"'`<>|:;,()\[\]{{}}]*"
    rf"|(?<![A-Za-z0-9\\]){_WINDOWS}"
    r"(?:[^\\/:*?\"'`<>|\r\n,;]{1,100}\\{1,4}|[^\\/:*?\"'`<>|\s,;]{1,100}/)*[^\\/:*?\"'`<>|\s,;()\[\]{}]*"
)
_FILE = re.compile(r"[\\/](?P<name>[\w-]+\.[A-Za-z]\w{0,7})(?P<quote>[\"'`]?)\.?\Z", re.ASCII)


def without_paths(text: str, cleaned: Counter[str]) -> str:
    """``text`` with ``[PATH]`` in place of local folders; a file's own name stays, because it says what failed."""

    def mark(found: re.Match[str]) -> str:
        cleaned["path"] += 1
        file = _FILE.search(found.group())
        quote = found["quote"] or ""
        return quote + (f"{PATH_MARK}/{file['name']}" if file else PATH_MARK) + quote

    return _PATH.sub(mark, text) if "/" in text or "\\" in text else text


@dataclass(slots=True)
class Cleaner:
    """Cleans encoded payloads. ``string_chars`` and ``list_items`` trim; ``None`` does not.

    ``secret_keys`` are secrets whatever stands there; ``plain_keys`` are left alone.
    """

    string_chars: int | None = None
    list_items: int | None = None
    secret_keys: Collection[str] = ()
    plain_keys: Collection[str] = ()
    _plain: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.string_chars = self.string_chars if self.string_chars is None else max(self.string_chars, LEAST)
        self.list_items = self.list_items if self.list_items is None else max(self.list_items, 1)
        self.secret_keys = frozenset(map(secret_keys.normal, self.secret_keys))
        self.plain_keys = frozenset(map(secret_keys.normal, self.plain_keys))

    def clean(self, event_type: str, keys: Set[Any], encoded: bytes) -> tuple[bytes, Counter[str] | None]:
        """The payload to store, and how much of each kind was cleaned; ``None`` when it is stored as it came.

        ``keys`` are those of the payload and of all objects in it.
        """
        if not self._is_suspicious(event_type, keys, encoded):
            return encoded, None
        cleaned: Counter[str] = Counter()
        payload = self._object(msgspec.json.decode(encoded), event_type in ERROR_TYPES, cleaned)
        return (msgspec.json.encode(payload), cleaned) if cleaned else (encoded, None)

    def text(self, text: str, *, error: bool = False, cleaned: Counter[str] | None = None) -> str:
        """A text without secrets, as part of an ``error`` without paths, and not longer than allowed."""
        cleaned = Counter() if cleaned is None else cleaned
        text = without_secrets(text, cleaned)
        text = without_paths(text, cleaned) if error else text
        if self.string_chars is None or len(text) <= self.string_chars:
            return text
        cleaned["string"] += 1
        kept = self.string_chars - LEAST
        return f"{text[:kept]}… [{len(text) - kept:,} more characters]"

    # The sieve --------------------------------------------------------------------------------------------------------

    def _is_suspicious(self, event_type: str, keys: Set[Any], encoded: bytes) -> bool:
        """Whether anything may have to be cleaned. Each rule's sign is here, so nothing passes that a rule knows."""
        if not keys <= self._plain and not self._remember(keys):
            return True
        text = encoded.decode()
        return (
            has_run(encoded)
            or "=" in text
            or "@" in text
            or ": " in text
            or ("\\" in text and '\\"' in text)
            or ("'" in text and "':" in text)
            or ("-" in text and "--" in text)
            or "bearer" in text.lower()
            or (event_type in ERROR_TYPES and ("/" in text or "\\" in text))
            or (self.string_chars is not None and len(text) > self.string_chars)
            or (self.list_items is not None and len(text) > 2 * self.list_items)
        )

    def _remember(self, keys: Set[Any]) -> bool:
        """Notes keys that are plain. False when one is not."""
        plain = [key for key in keys if not isinstance(key, str) or self._kind_of(key) is Kind.PLAIN]
        if len(self._plain) > _REMEMBERED:
            self._plain.clear()
        self._plain.update(key for key in plain if not isinstance(key, str) or len(key) <= 100)
        return len(plain) == len(keys)

    def _kind_of(self, key: str) -> Kind:
        name = secret_keys.normal(key)
        if name in self.plain_keys:
            return Kind.PLAIN
        return Kind.SECRET if name in self.secret_keys else secret_keys.kind_of(key)

    # The walk ---------------------------------------------------------------------------------------------------------

    def _object(self, value: dict[str, Any], error: bool, cleaned: Counter[str]) -> dict[str, Any]:
        return {
            without_secrets(key, cleaned): self._under(self._kind_of(key), item, error, cleaned)
            for key, item in value.items()
        }

    def _under(self, kind: Kind, item: Any, error: bool, cleaned: Counter[str]) -> Any:
        if _is_secret(kind, item):
            cleaned["key"] += 1
            return MARK
        if kind is Kind.SECRET_IF_RANDOM and isinstance(item, list):
            return self._list([self._under(kind, one, error, cleaned) for one in item], error, cleaned)
        return self._value(item, error or kind is Kind.ERROR, cleaned)

    def _value(self, value: Any, error: bool, cleaned: Counter[str]) -> Any:
        if isinstance(value, str):
            return self.text(value, error=error, cleaned=cleaned)
        if isinstance(value, dict):
            return self._object(value, error, cleaned)
        return self._list(value, error, cleaned) if isinstance(value, list) else value

    def _list(self, items: list[Any], error: bool, cleaned: Counter[str]) -> list[Any]:
        if self.list_items is None or len(items) <= self.list_items:
            return [self._value(item, error, cleaned) for item in items]
        cleaned["list"] += 1
        kept = self.list_items - 1
        mark = f"… [{len(items) - kept:,} more items]"
        return [*(self._value(item, error, cleaned) for item in items[:kept]), mark]


def _is_secret(kind: Kind, item: Any) -> bool:
    if item in (MARK, None, "", [], {}) or isinstance(item, bool) or kind in (Kind.PLAIN, Kind.ERROR):
        return False
    if kind is Kind.SECRET:
        return True
    return isinstance(item, str) and (kind is Kind.SECRET_TEXT or secret_keys.is_random(item))
