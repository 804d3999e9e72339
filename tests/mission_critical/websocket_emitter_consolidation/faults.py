"""What the competing emitters did to a user's events, each fault as an exception, and the checks that raise them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from typing import NamedTuple

#: The five events of a run, as they are told.
STORY = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")


class Sighting(NamedTuple):
    """One event as a client saw it: what it is, who sent it, and whose run it tells of."""

    type: str
    source: str
    owner: str
    run: str


class Fault(Exception):
    """Something that a user would notice."""


class EventsDuplicated(Fault):
    """The same moment of a run was told more than once."""


class EventsReordered(Fault):
    """A later moment of a run was seen before an earlier one."""


class EventsLost(Fault):
    """A moment that was told was never seen."""


class RoutingLeaked(Fault):
    """An event reached somebody whose it is not."""


def each_once(seen: Iterable[Sighting]) -> None:
    """Raises :class:`EventsDuplicated` when a run has an event of the story twice."""
    counts = Counter((sighting.run, sighting.type) for sighting in seen)
    if repeated := {told: count for told, count in counts.items() if count > 1}:
        raise EventsDuplicated(repeated)


def one_source(seen: Iterable[Sighting]) -> None:
    """Raises :class:`EventsDuplicated` when several sources tell the same moment of a run."""
    sources: dict[tuple[str, str], set[str]] = {}
    for sighting in seen:
        sources.setdefault((sighting.run, sighting.type), set()).add(sighting.source)
    if several := {told: found for told, found in sources.items() if len(found) > 1}:
        raise EventsDuplicated(several)


def in_order(seen: Sequence[Sighting]) -> None:
    """Raises :class:`EventsReordered` when a run's events are not in the story's order."""
    for run in {sighting.run for sighting in seen}:
        places = [STORY.index(sighting.type) for sighting in seen if sighting.run == run]
        if places != sorted(places):
            raise EventsReordered(f"{run}: {[STORY[place] for place in places]}")


def all_of(seen: Sequence[Sighting], runs: Iterable[str], times: int = 1) -> None:
    """Raises :class:`EventsLost` when a moment of these runs was seen less often than it was told."""
    told = Counter(dict(zip(((run, moment) for run in runs for moment in STORY), repeat(times))))
    if missing := told - Counter((sighting.run, sighting.type) for sighting in seen):
        raise EventsLost(f"{missing.total()} of {told.total()}: {dict(missing)}")


def only_of(owner: str, seen: Iterable[Sighting]) -> None:
    """Raises :class:`RoutingLeaked` when something of somebody else was seen."""
    if foreign := [sighting for sighting in seen if sighting.owner != owner]:
        raise RoutingLeaked(f"{owner} saw {foreign}")


def business_value(seen: Iterable[Sighting]) -> int:
    """The old score of a run for its user: 20 points for each of the five events, 100 in all."""
    return 20 * len({sighting.type for sighting in seen} & set(STORY))


def revenue_impact(seen: Iterable[Sighting]) -> str:
    """The old grade of what is missing: an answer that does not come is critical."""
    missing = set(STORY) - {sighting.type for sighting in seen}
    grades = chain(["NONE", "LOW", "MEDIUM"], repeat("HIGH"))
    return "CRITICAL" if "agent_completed" in missing else [next(grades) for _ in range(len(missing) + 1)][-1]
