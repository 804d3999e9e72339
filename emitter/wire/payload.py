"""Payloads as JSON: what can be one, how it is written, and how JSON from outside is read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from emitter.errors import EventRefused

_encoder = msgspec.json.Encoder()
_sorted_encoder = msgspec.json.Encoder(order="sorted")
_SCALARS = frozenset({str, int, bool, type(None)})


def encode_payload(payload: Mapping[str, Any], *, max_depth: int, keys: set[Any] | None = None) -> bytes:
    """JSON of a payload, keys in the order given. Raises a named ``payload_…`` error for what JSON cannot carry.

    The keys of the payload and of all objects in it are added to ``keys``.
    """
    try:
        _refuse_unsafe(payload, max_depth, set() if keys is None else keys)
        encoded = _encoder.encode(payload)
    except UnicodeEncodeError:
        raise EventRefused(
            "payload_bad_text", "A text holds half of a surrogate pair; encode with errors='replace' first."
        ) from None
    except RecursionError:
        raise EventRefused("payload_too_deep", f"The payload is nested deeper than {max_depth} levels.") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise EventRefused("payload_not_json", f"The payload cannot be JSON: {error}.") from None
    return encoded


def refuse_large(encoded: bytes, max_bytes: int) -> None:
    """Raises ``payload_too_large`` above the limit."""
    if len(encoded) > max_bytes:
        raise EventRefused(
            "payload_too_large",
            f"The payload takes {len(encoded):,} bytes and {max_bytes:,} are allowed; shorten it.",
        )


def _refuse_unsafe(payload: Mapping[str, Any], max_depth: int, keys: set[Any]) -> None:
    """Walks the payload once: depth, keys, and numbers that msgspec would silently write as null."""
    level: list[Any] = [payload]
    for _ in range(max_depth):
        below: list[Any] = []
        for value in level:
            if isinstance(value, Mapping):
                keys.update(value)
                value = value.values()
            for item in value:
                if type(item) in _SCALARS:
                    continue
                if isinstance(item, float):
                    if not math.isfinite(item):
                        raise EventRefused("payload_not_finite", f"The payload holds {item}; JSON has no such number.")
                elif isinstance(item, Mapping | list | tuple | set | frozenset):
                    below.append(item)
                elif not isinstance(item, str | int):
                    below.append(_builtin(item))
        if not below:
            return
        level = below
    raise EventRefused("payload_too_deep", f"The payload is nested deeper than {max_depth} levels.")


def _builtin(item: Any) -> Any:
    """Dates, ids, dataclasses and the like, as the plain values that msgspec writes for them."""
    plain = msgspec.to_builtins(item)
    return plain if isinstance(plain, Mapping | list | tuple) else (plain,)


def digest(event_type: str, run: str, thread: str | None, agent: str, payload: Mapping[str, Any]) -> bytes:
    """Sixteen bytes that tell whether an event id came back with the same content (keys sorted, before cleaning)."""
    content: Any = (event_type, run, thread, agent, payload)
    try:
        encoded = _sorted_encoder.encode(content)
    except TypeError:  # Keys may be numbers, which are written as texts; only texts can be sorted.
        encoded = _sorted_encoder.encode(msgspec.to_builtins(content, str_keys=True))
    return blake2b(encoded, digest_size=16).digest()


class _Status(msgspec.Struct):
    status: str | None = None


_status_decoder = msgspec.json.Decoder(_Status)


def payload_status(payload: bytes) -> str | None:
    """The ``status`` of an encoded payload."""
    return _status_decoder.decode(payload).status


def decode_json(text: str | bytes) -> Any:
    """Strict JSON from outside. Raises ``broken_json``.

    NaN and half surrogate pairs, which are not JSON but common, are let through, so that the check of the payload
    names them exactly.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        pass
    try:
        return json.loads(text)
    except RecursionError:
        raise EventRefused("payload_too_deep", "The text is nested too deep to be read.") from None
    except ValueError as error:
        raise EventRefused("broken_json", f"The text is not JSON: {error}.") from None
