"""What a test of an old face needs: the row it calls, and what the log holds then."""

from typing import Any, NamedTuple

import msgspec

from emitter import metrics
from emitter.log import aread_after


class Row(NamedTuple):
    """One old call, and the event that it must leave: its type and the whole of its payload."""

    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    type: str
    payload: dict[str, Any]


def row(method: str, *args: Any, becomes: str, payload: dict[str, Any], **kwargs: Any) -> Row:
    return Row(method, args, kwargs, becomes, payload)


def name(one: Any) -> str | None:
    """For pytest: a case is named after its method."""
    return one.method if isinstance(one, Row) else None


async def events(key: str) -> list[dict[str, Any]]:
    """A user's stored events, in order."""
    found: list[dict[str, Any]] = []
    while page := await aread_after(key, len(found)):
        found += [msgspec.json.decode(stored.body) for stored in page]
    return found


async def only_event(key: str) -> dict[str, Any]:
    """The one event of a user."""
    (event,) = await events(key)
    return event


def failures(adapter: str, code: str) -> float:
    return metrics.value("emitter_legacy_failures_total", adapter=adapter, code=code)
