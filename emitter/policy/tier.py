"""What a tier gives its users, without I/O: its numbers, what it keeps of an event, and what it leaves out.

A tier touches thinking text and auxiliary events alone: the critical five and the final types are always stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from emitter.events import CRITICAL, FINAL, JsonObject

#: Types that no tier leaves out.
PROTECTED = frozenset(CRITICAL) | FINAL
#: Why an auxiliary event was left out (``Receipt.dropped``): the tier does not take the type, or no more a second.
UNSUBSCRIBED, OVER_RATE = "tier_unsubscribed", "tier_rate"
LEFT_OUT = "…"

Count = Annotated[int, msgspec.Meta(ge=1)]
Days = Annotated[float, msgspec.Meta(gt=0, le=36_500)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}\Z")]


class Tier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tier.

    ``weight``: its share of a commit when more waits than one takes. ``thinking``: what is kept of a thought;
    ``thinking_chars`` of it when it is shortened. ``auxiliary_types``: those it takes, ``None`` for all;
    ``auxiliary_rate``: so many of them a second and user, ``auxiliary_burst`` at once, ``None`` for any number.
    """

    name: Name
    weight: Count = 1
    thinking: Literal["whole", "shortened", "left_out"] = "whole"
    thinking_chars: Count = 500
    retention_days: Days
    sessions: Count
    devices: Count
    auxiliary_types: frozenset[str] | None = None
    auxiliary_rate: Annotated[float, msgspec.Meta(gt=0)] | None = None
    auxiliary_burst: Count = 100


DEFAULTS: dict[str, dict[str, Any]] = {
    "free": {
        "weight": 1,
        "thinking": "shortened",
        "retention_days": 7,
        "sessions": 5,
        "devices": 5,
        "auxiliary_rate": 5,
        "auxiliary_burst": 50,
    },
    "early": {
        "weight": 2,
        "retention_days": 14,
        "sessions": 10,
        "devices": 20,
        "auxiliary_rate": 20,
        "auxiliary_burst": 200,
    },
    "mid": {
        "weight": 4,
        "retention_days": 30,
        "sessions": 20,
        "devices": 50,
        "auxiliary_rate": 50,
        "auxiliary_burst": 500,
    },
    "enterprise": {"weight": 8, "retention_days": 90, "sessions": 50, "devices": 100},
}


def parse(given: Mapping[str, Mapping[str, Any]], limits: Mapping[str, Any]) -> dict[str, Tier]:
    """Tiers by name; ``limits`` holds what counts for a tier that does not say. Raises ``ValueError`` in a sentence."""
    if not isinstance(given, Mapping) or not given:
        raise ValueError("it names no tier; give a dict of names and what each gives")
    return {name: _parse_one(name, fields, limits) for name, fields in given.items()}


def _parse_one(name: str, fields: Mapping[str, Any], limits: Mapping[str, Any]) -> Tier:
    try:
        tier = msgspec.convert({**limits, **fields, "name": name}, Tier)
    except (msgspec.ValidationError, TypeError) as error:
        raise ValueError(f"the tier {name!r:.40} cannot be read: {error}") from None
    if tier.auxiliary_types is not None and (protected := tier.auxiliary_types & PROTECTED):
        raise ValueError(
            f"the tier {name!r} lists {', '.join(sorted(protected))}, which every tier takes: leave it out"
        )
    return tier


def kept(tier: Tier, event_type: str, payload: JsonObject) -> JsonObject:
    """The payload as the tier's users keep it; the same object when nothing is taken from it."""
    if tier.thinking == "whole" or event_type != "agent_thinking":
        return payload
    thought = payload.get("thought")
    if not isinstance(thought, str):
        return payload
    if tier.thinking == "left_out":
        return {**payload, "thought": LEFT_OUT}
    more = len(thought) - tier.thinking_chars
    if more <= 0:
        return payload
    return {**payload, "thought": f"{thought[: tier.thinking_chars]}… [{more:,} more characters]"}


def takes(tier: Tier, event_type: str) -> bool:
    """Whether the tier's users get events of this type."""
    return tier.auxiliary_types is None or event_type in tier.auxiliary_types or event_type in PROTECTED
