"""Where calls lead: which functions carry what they are given to a socket, and which hand it to an emitter."""

from __future__ import annotations

from collections import defaultdict

from emitter.migration.audit import words
from emitter.migration.audit.facts import Kind
from emitter.migration.audit.meaning import Events, Meanings
from emitter.migration.audit.scope import Scope
from emitter.migration.audit.steps import Reach, Step, Steps, called_like
from emitter.migration.audit.tree import Place, Tree


class Paths:
    """The calls of a tree, and how far each function carries what it is given."""

    def __init__(self, tree: Tree, scope: Scope, meanings: Meanings) -> None:
        self.tree, self._meanings = tree, meanings
        self.steps: dict[int, list[Step]] = {}
        self._reach: dict[int, Reach] = {}
        self._is_generic: dict[int, bool] = {}
        self._by_name: dict[str, list[Place]] | None = None
        self._callers = defaultdict[int, list[Place]](list)
        self.places = [place for place in tree.places() if place.function.calls or place.function.decorators]
        steps = Steps(tree, scope, meanings)
        for place in self.places:
            taken = steps.of(place)
            for step in taken:
                for callee in step.callees:
                    self._callers[id(callee.function)].append(place)
            self.steps[id(place.function)] = [step for step in taken if step.ends or step.callees]
        self._carry()

    def reach(self, place: Place) -> Reach:
        """How far a function carries what it is given."""
        return self._reach.get(id(place.function), Reach.NOWHERE)

    def wanted(self) -> set[str]:
        """Files that events are handed to, of which only the outline is known."""
        reached = {id(place.function): place for place in self.places if self.made_in(place)}
        waiting, wanted = list(reached.values()), set()
        while waiting:
            place = waiting.pop()
            for step in self.steps.get(id(place.function), ()):
                for callee in step.callees if step.events or step.flows else ():
                    if not callee.module.is_whole:
                        wanted.add(callee.module.path)
                    elif id(callee.function) not in reached:
                        reached[id(callee.function)] = callee
                        waiting.append(callee)
        return wanted

    def beyond(self, place: Place, step: Step, callee: Place) -> Reach:
        """How far what a step hands to a function gets, seen from its caller: to another's emitter at most."""
        reach = self.reach(callee)
        if reach is Reach.SOCKET and not (step.by_name or is_own(place, callee)) and self.is_emitter(callee):
            return Reach.EMITTER
        return reach

    def is_emitter(self, place: Place) -> bool:
        """Whether a function is one to hand events to: it makes its own, or takes them by type or name.

        So are the public methods beside one that does. What holds sockets is none.
        """
        if self.made_in(place):
            return True
        if place.home is None:
            return self.is_generic(place)
        if words.is_socket_class(place.home.name):
            return False
        beside = place.home.methods.values() if not place.function.name.startswith("_") else [place.function]
        return any(self.is_generic(self.tree.place(place.module, one, place.home)) for one in beside)

    def takes_events(self, place: Place) -> bool:
        """Whether what an emitter is given is what it emits."""
        return self.is_generic(place) or not self.made_in(place)

    def is_generic(self, place: Place) -> bool:
        """Whether it takes whatever event it is given."""
        key = id(place.function)
        if key not in self._is_generic:
            named = words.TYPE_PARAMETERS.intersection(place.function.parameters)
            flowing = {atom.text for call in place.function.calls for atom in call.atoms if atom.kind is Kind.PARAMETER}
            self._is_generic[key] = bool(named & flowing) or bool(self._meanings.typed(place))
        return self._is_generic[key]

    def emitter_called(self, chain: str) -> Place | None:
        """The one emitter that a call on something of unknown class can mean, by the names of both."""
        receiver, _, name = chain.rpartition(".")
        found = called_like(receiver, self._emitters().get(name, []))
        return found[0] if len(found) == 1 else None

    def _emitters(self) -> dict[str, list[Place]]:
        if self._by_name is None:
            self._by_name = defaultdict(list)
            for place in self.places:
                if self.reach(place) is Reach.SOCKET and self.is_generic(place) and self.is_emitter(place):
                    self._by_name[place.function.name].append(place)
        return self._by_name

    def made_in(self, place: Place) -> Events:
        """The events that a function makes itself and hands to somebody."""
        made = frozenset().union(*(step.events for step in self.steps.get(id(place.function), ())))
        return made - self._meanings.typed(place)

    # Carrying ---------------------------------------------------------------------------------------------------------

    def _carry(self) -> None:
        """From the calls that end somewhere back to all that lead to them."""
        waiting = list(self.places)
        while waiting:
            place = waiting.pop()
            reach = max((self._carried(place, step) for step in self.steps[id(place.function)]), default=Reach.NOWHERE)
            if reach > self.reach(place):
                self._reach[id(place.function)] = reach
                waiting += self._callers[id(place.function)]

    def _carried(self, place: Place, step: Step) -> Reach:
        if not step.flows:
            return Reach.NOWHERE
        return max((step.ends, *(self.beyond(place, step, callee) for callee in step.callees)))


def is_own(place: Place, callee: Place) -> bool:
    """Whether a function belongs to the one who calls it: same class, or a private function of the same file."""
    if place.function is callee.function:
        return True
    if place.module is not callee.module:
        return False
    if place.home is not None and callee.home is place.home:
        return True
    return callee.home is None and callee.function.name.startswith("_")
