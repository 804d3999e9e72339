"""What an old caller hands over, as plain JSON values that fit. Pure.

The old faces sent whatever they were given. So what JSON cannot carry becomes its text, and what is larger than an
event may be is cut off with a mark.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import msgspec

from emitter.errors import EventRefused
from emitter.events import JsonObject

#: Characters of a text, and members of a list or an object, of a payload that is too large: the first that fits.
CUTS = ((16_384, 1_000), (4_096, 300), (1_024, 100), (256, 30), (64, 10))
CUT_ITEMS = "...(truncated)"

_NAMES = {None: "null", True: "true", False: "false"}
_encode = msgspec.json.Encoder().encode


def plain(payload: Any) -> dict[str, Any]:
    """An object of plain JSON values. Raises ``payload_not_object``, ``payload_too_deep``."""
    try:
        try:
            made = msgspec.to_builtins(payload, str_keys=True, enc_hook=_as_plain)
        except TypeError:  # A key that JSON does not have.
            made = msgspec.to_builtins(_keyed(payload), str_keys=True, enc_hook=_as_plain)
        if isinstance(made, dict):
            return made if _is_sayable(made) else {_sayable(key): _sayable(value) for key, value in made.items()}
    except RecursionError:
        raise EventRefused("payload_too_deep", "The payload is nested too deep, or holds itself.") from None
    raise EventRefused("payload_not_object", f"The data is a {type(payload).__name__}; give a dictionary.")


def within(payload: dict[str, Any], most: int) -> dict[str, Any]:
    """The payload, its texts, lists and objects cut off until it takes at most ``most`` bytes.

    What is cut leaves some room, since a mark in the place of a secret may be longer than the secret.
    """
    if len(_encode(payload)) <= most:
        return payload
    made = payload
    for text, items in CUTS:
        made = _cut(payload, text, items)
        if len(_encode(made)) <= most * 15 // 16:
            break
    return made


def shortened(value: Any, text: int, items: int | None = None) -> Any:
    """Long texts and lists cut off with a mark, inside dictionaries too; what stands in a list stays whole."""
    if isinstance(value, Mapping):
        return {key: shortened(one, text, items) for key, one in value.items()}
    if isinstance(value, str) and len(value) > text:
        return f"{value[:text]}..."
    if items is not None and isinstance(value, list) and len(value) > items:
        return [*value[:items], CUT_ITEMS]
    return value


def text_of(value: Any) -> str:
    """The text of anything."""
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__}>"


def _cut(value: JsonObject, text: int, items: int) -> dict[str, Any]:
    made = {key: _cut_one(one, text, items) for key, one in list(value.items())[:items]}
    return made if len(value) <= items else {**made, CUT_ITEMS: len(value) - items}


def _cut_one(value: Any, text: int, items: int) -> Any:
    if isinstance(value, dict):
        return _cut(value, text, items)
    if isinstance(value, list):
        return shortened([_cut_one(one, text, items) for one in value[: items + 1]], text, items)
    return shortened(value, text)


def _as_plain(value: Any) -> Any:
    """What msgspec does not know: mappings, models with ``model_dump``, and whatever else as its text."""
    try:
        if isinstance(value, Mapping):
            return _keyed(value)
        made = value.model_dump(mode="json")
    except Exception:
        return text_of(value)
    # What only looks like a model may dump anything, a mock another mock.
    return _keyed(made) if isinstance(made, Mapping | list | str | int | float | None) else text_of(value)


def _keyed(value: Any) -> Any:
    """A value whose objects have texts as keys."""
    if isinstance(value, Mapping):
        return {_key(key): _keyed(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_keyed(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: _keyed(getattr(value, one.name)) for one in fields(value)}
    return value


def _key(key: Any) -> str:
    if isinstance(key, str | Enum):
        return text_of(key.value if isinstance(key, Enum) else key)
    return _NAMES[key] if key is None or isinstance(key, bool) else text_of(key)


def _is_sayable(made: dict[str, Any]) -> bool:
    """Whether JSON has all of it, as far as can be told quickly: what is no number is written as null."""
    try:
        return b"null" not in _encode(made)
    except (TypeError, ValueError, OverflowError):
        return False


def _sayable(value: Any) -> Any:
    """A plain value without numbers and texts that JSON does not have."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_sayable(key): _sayable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_sayable(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, int) else text_of(value)
