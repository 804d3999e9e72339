"""Who emits what: the sources of a code base, those who delegate, and the sends that carry anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from emitter.events import CRITICAL
from emitter.migration.audit import words
from emitter.migration.audit.facts import Module
from emitter.migration.audit.meaning import Events, Meanings
from emitter.migration.audit.paths import Paths, is_own
from emitter.migration.audit.scope import Scope
from emitter.migration.audit.steps import Reach, Step, is_consumer, is_direct
from emitter.migration.audit.tree import Place, Tree

_ROUNDS = 20


class Verdict(StrEnum):
    """What a place does. A source counts."""

    SOURCE = "source"
    DELEGATES = "delegates"
    TRANSPORT = "transport"


@dataclass(frozen=True, slots=True)
class Spot:
    """A line and the function in it."""

    line: int
    symbol: str


@dataclass(slots=True)
class Finding:
    """One place. ``owner`` is its class, or itself; ``also`` are other functions of the owner that do the same."""

    path: str
    line: int
    symbol: str
    events: list[str]
    verdict: Verdict
    owner: str
    to: str = ""
    also: list[Spot] = field(default_factory=list)


@dataclass(slots=True)
class _Role:
    """What a function is to one event."""

    verdict: Verdict
    to: str
    #: It names the event, and is not only given it.
    makes: bool
    #: The function that ``to`` names, if it is known.
    callee: Place | None = None


def judge(modules: Iterable[Module], read_whole: Callable[[str], Module | None] = lambda path: None) -> list[Finding]:
    """The findings of a code base, by path and line. ``read_whole`` reads a file of which only the outline is known."""
    known = {module.path: module for module in modules}
    while True:
        tree = Tree(known.values())
        scope = Scope(tree)
        meanings = Meanings(tree, scope)
        paths = Paths(tree, scope, meanings)
        more = [module for path in sorted(paths.wanted()) if (module := read_whole(path)) is not None]
        if not more:
            return _Judge(paths, meanings).findings()
        known |= {module.path: module for module in more}


class _Judge:
    def __init__(self, paths: Paths, meanings: Meanings) -> None:
        self._paths, self._meanings = paths, meanings
        self._roles: dict[int, dict[str, _Role]] = defaultdict(dict)
        self._by_name: dict[str, set[str]] = defaultdict(set)
        steps = [(place, step) for place in paths.places for step in paths.steps[id(place.function)]]
        for place, step in steps:
            self._given(place, step)
        for _ in range(_ROUNDS):
            if not sum(self._asked(place, step) for place, step in steps):
                break

    def findings(self) -> list[Finding]:
        found = [*self._emitting(), *self._transports()]
        return sorted(found, key=lambda finding: (finding.path, finding.line, finding.symbol))

    # Roles ------------------------------------------------------------------------------------------------------------

    def _given(self, place: Place, step: Step) -> None:
        """What follows from the events that a call is given."""
        events = step.events
        if is_consumer(self._paths.tree, place):
            events -= {place.function.name}  # It takes this event from a group to its own client.
        if not events:
            return
        if step.ends:
            self._is(place, events, _verdict(step.ends), step.send)
            emitter = self._paths.emitter_called(step.call.chain) if step.ends is Reach.EMITTER else None
            if emitter is not None and emitter is not place:
                self._is(emitter, events, Verdict.SOURCE, "", makes=False)
        for callee in step.callees:
            reach = self._paths.beyond(place, step, callee)
            if reach is Reach.NOWHERE:
                continue
            self._is(place, events, _verdict(reach), callee.function.symbol, callee=callee)
            if reach is Reach.EMITTER and not is_own(place, callee) and self._paths.takes_events(callee):
                self._is(callee, events, _verdict(self._paths.reach(callee)), "", makes=False)

    def _asked(self, place: Place, step: Step) -> bool:
        """What follows from calling what is about an event by itself. Returns whether that is news."""
        name = step.call.chain.rpartition(".")[2]
        if not words.is_eventful(name):
            return False
        news = False
        for callee in step.callees:
            if callee.function.name == name and not is_own(place, callee) and not step.by_name:
                known = self._roles.get(id(callee.function), {})
                about = {event for event, role in known.items() if role.makes} - self._meanings.typed(callee)
                news |= self._is(place, frozenset(about), Verdict.DELEGATES, callee.function.symbol, callee=callee)
        if not step.callees and "." in step.call.chain and not name.startswith("__"):
            named = words.event_named_by(name)
            about = self._by_name.get(name, set()) | ({named} if named else set())
            news |= self._is(place, frozenset(about), Verdict.DELEGATES, step.call.chain)
        return news

    def _is(
        self,
        place: Place,
        events: Events,
        verdict: Verdict,
        to: str,
        *,
        makes: bool = True,
        callee: Place | None = None,
    ) -> bool:
        """Notes a role. Who sends an event itself is a source of it, whatever else it does."""
        roles, news = self._roles[id(place.function)], False
        for event in events:
            role = roles.get(event)
            if role is None:
                roles[event] = _Role(verdict, to, makes, callee)
                if makes and words.is_eventful(place.function.name):
                    self._by_name[place.function.name].add(event)
                news = True
            elif verdict is Verdict.SOURCE and role.verdict is not Verdict.SOURCE:
                role.verdict, role.to, role.callee, news = verdict, to, callee, True
        return news

    # Findings ---------------------------------------------------------------------------------------------------------

    def _emitting(self) -> Iterable[Finding]:
        """One finding for a function; what an owner does in several functions counts where it stands first."""
        owners: dict[tuple[str, str], list[Place]] = defaultdict(list)
        for place in self._paths.tree.places():
            if self._roles.get(id(place.function)):
                owners[place.module.path, place.function.owner or place.function.name].append(place)
        for (path, owner), places in owners.items():
            yield from self._of_owner(path, owner, places)

    def _of_owner(self, path: str, owner: str, places: list[Place]) -> Iterable[Finding]:
        findings: dict[tuple[int, Verdict], Finding] = {}
        for event in CRITICAL:
            doers = [place for place in places if event in self._roles[id(place.function)]]
            verdicts = {self._roles[id(place.function)][event].verdict for place in doers}
            for verdict in verdicts & {Verdict.SOURCE} or verdicts:
                here = [one for one in doers if self._roles[id(one.function)][event].verdict is verdict]
                here.sort(key=lambda one: self._rank(one, event))
                first, *others = [one.function for one in here]
                finding = findings.get((id(first), verdict))
                if finding is None:
                    to = self._end_of(here[0], event)
                    finding = Finding(path, first.line, first.symbol, [], verdict, owner, to)
                    findings[id(first), verdict] = finding
                finding.events.append(event)
                spots = [Spot(function.line, function.symbol) for function in others]
                finding.also += [spot for spot in spots if spot not in finding.also]
        return findings.values()

    def _rank(self, place: Place, event: str) -> tuple[bool, int]:
        """Who names an event stands before who takes any."""
        return not self._roles[id(place.function)][event].makes, place.function.line

    def _end_of(self, place: Place, event: str) -> str:
        """Whom a place calls for an event in the end, through its own helpers."""
        role, seen = self._roles[id(place.function)][event], [place]
        while role.callee is not None and role.callee not in seen and is_own(place, role.callee):
            seen.append(role.callee)
            following = self._roles[id(role.callee.function)].get(event)
            if following is None or not following.to:
                break
            role = following
        return role.to

    def _transports(self) -> Iterable[Finding]:
        for place in self._paths.places:
            roles = self._roles.get(id(place.function), {})
            sends = [step for step in self._paths.steps[id(place.function)] if is_direct(step)]
            if sends and all(role.verdict is not Verdict.SOURCE for role in roles.values()):
                symbol, owner = place.function.symbol, place.function.owner or place.function.name
                line, chain = sends[0].call.line, sends[0].send
                yield Finding(place.module.path, line, symbol, [], Verdict.TRANSPORT, owner, chain)


def _verdict(reach: Reach) -> Verdict:
    return Verdict.SOURCE if reach is Reach.SOCKET else Verdict.DELEGATES
