"""Stored differences of shadow calls, both sides cleaned, of each adapter the newest ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.utils import timezone

from emitter.conf import conf
from emitter.migration.compare import REDACTED, Difference
from emitter.models import KEY_LENGTH, ShadowDifference

#: Characters of one side that are kept.
SIDE = 16_384
WHAT_LENGTH = 500

_SECRET_KEY = re.compile(
    r"(?i)(?:^|[_-])(?:password|passwd|secret|api[_-]?key|private[_-]?key|token|authori[sz]ation|credentials?|cookie)$"
)
_SECRET = re.compile(r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{8,}|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*|://[^/\s:@]+:[^/\s@]+@")


@dataclass(frozen=True, slots=True)
class Found:
    """A call that differed. ``old`` are the frames as reported, ``new`` the event, or the refusal's code."""

    adapter: str
    method: str
    differences: Sequence[Difference]
    user: str
    run: str
    old: Any
    new: Any


def store(found: Iterable[Found]) -> None:
    """Writes them down, and lets the oldest of each adapter go."""
    now, rows = timezone.now(), ShadowDifference.objects.using(conf.database)
    made = [_row(one, now) for one in found]
    if not made:
        return
    rows.bulk_create(made)
    for adapter in {row.adapter for row in made}:
        kept = rows.filter(adapter=adapter).order_by("-id").values_list("id", flat=True)
        oldest = kept[max(0, conf.shadow_differences - 1) :][:1]
        for last in list(oldest):
            rows.filter(adapter=adapter, id__lt=last).delete()


def prune(before: datetime) -> int:
    """Deletes those from before a moment."""
    return ShadowDifference.objects.using(conf.database).filter(at__lt=before).delete()[0]


def knows(key: str) -> bool:
    """Whether there is one of a user."""
    return ShadowDifference.objects.using(conf.database).filter(stream=key).exists()


def erase(key: str) -> int:
    """Deletes those of a user."""
    return ShadowDifference.objects.using(conf.database).filter(stream=key).delete()[0]


def cleaned(value: Any) -> Any:
    """A JSON value without what looks like a secret, by its key or by its shape."""
    if isinstance(value, dict):
        return {key: _under(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    return _SECRET.sub(REDACTED, value) if isinstance(value, str) else value


def _under(key: str, item: Any) -> Any:
    return REDACTED if _SECRET_KEY.search(key) and item not in (None, "", {}, []) else cleaned(item)


def _row(found: Found, now: datetime) -> ShadowDifference:
    return ShadowDifference(
        at=now,
        adapter=found.adapter,
        method=_text(found.method, 64),
        kind=found.differences[0].kind,
        what=_text(", ".join(dict.fromkeys(map(str, found.differences))), WHAT_LENGTH),
        stream=_text(found.user, KEY_LENGTH),
        run=_text(found.run, KEY_LENGTH),
        old=_side(found.old),
        new=_side(found.new),
    )


def _side(value: Any) -> str:
    """JSON text, as much of it as is kept."""
    try:
        text = msgspec.json.encode(cleaned(value)).decode()
    except (msgspec.MsgspecError, UnicodeError, RecursionError, TypeError) as error:
        text = f'"not JSON: {type(error).__name__}"'
    return text if len(text) <= SIDE else f"{text[:SIDE]}… [{len(text) - SIDE:,} more characters]"


def _text(value: str, length: int) -> str:
    """What every database takes in a column of text."""
    return value.replace("\x00", "").encode("utf-8", "replace").decode()[:length]
