"""Where calls lead: which functions carry what they are given to a socket, and which hand it to an emitter."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import IntEnum

from emitter.migration.audit import words
from emitter.migration.audit.facts import Call, Kind
from emitter.migration.audit.meaning import Events, Meanings
from emitter.migration.audit.scope import Scope
from emitter.migration.audit.tree import Place, Tree


class Reach(IntEnum):
    """How far something gets. A socket counts for more than an emitter, which counts for more than nothing."""

    NOWHERE = 0
    EMITTER = 1
    SOCKET = 2


@dataclass(slots=True)
class Step:
    """A call that matters: the events it is given, where it ends by itself, and the functions it reaches."""

    call: Call
    events: Events
    ends: Reach
    callees: list[Place] = field(default_factory=list)
    #: It carries on what the function was given.
    flows: bool = False
    #: The callees were found by their name alone, and count as the caller's own.
    by_name: bool = False

    @property
    def send(self) -> str:
        """The function that sends, which may be an argument: ``async_to_sync(layer.group_send)(…)``."""
        return next((chain for chain in self.call.functions if words.is_send(chain)), self.call.chain)


class Paths:
    """The calls of a tree, and how far each function carries what it is given."""

    def __init__(self, tree: Tree, scope: Scope, meanings: Meanings) -> None:
        self.tree, self._scope, self._meanings = tree, scope, meanings
        self.steps: dict[int, list[Step]] = {}
        self._reach: dict[int, Reach] = {}
        self._is_generic: dict[int, bool] = {}
        self._by_name: dict[str, list[Place]] | None = None
        self._callers = defaultdict[int, list[Place]](list)
        self.places = [place for place in tree.places() if place.function.calls or place.function.decorators]
        for place in self.places:
            self.steps[id(place.function)] = self._read(place)
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
        found = _called_like(receiver, self._emitters().get(name, []))
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

    # Reading ----------------------------------------------------------------------------------------------------------

    def _read(self, place: Place) -> list[Step]:
        steps = [self._step(place, call) for call in place.function.calls]
        steps += self._decorated(place)
        for step in steps:
            for callee in step.callees:
                self._callers[id(callee.function)].append(place)
        return [step for step in steps if step.ends or step.callees]

    def _step(self, place: Place, call: Call) -> Step:
        events = self._meanings.of(place, call.atoms)
        flows = any(atom.kind in (Kind.PARAMETER, Kind.ATTRIBUTE) for atom in call.atoms)
        if not (events or flows or words.is_send(call.chain) or words.is_eventful(call.chain.rpartition(".")[2])):
            return Step(call, events, Reach.NOWHERE)
        known = self._scope.callees(place, words.without_queue(call.chain))
        nearby = [] if known else self._nearby(place, call.chain)
        callees = known or nearby
        ends = self._end(place, call, bool(events), callees)
        ends = Reach.SOCKET if any(map(words.is_send, call.functions)) else ends
        for function in call.functions:
            callees = callees + [one for one in self._scope.callees(place, function) if one.function.name != "__init__"]
        return Step(call, events, ends, callees, flows, by_name=bool(nearby) and call.chain.count(".") == 1)

    def _decorated(self, place: Place) -> list[Step]:
        """What a decorator does with the answer of a function, the function does."""
        function = place.function
        if not function.decorators or not function.returns:
            return []
        events = self._meanings.of(place, function.returns)
        if not events:
            return []
        call = Call(function.line, function.name, function.returns)
        return [
            Step(call, events, Reach.NOWHERE, makers)
            for decorator in function.decorators
            if (makers := self._scope.makers(place, decorator))
        ]

    def _end(self, place: Place, call: Call, has_events: bool, callees: list[Place]) -> Reach:
        """Where a call ends by itself: at a socket, or with somebody who is not defined here."""
        receiver, _, name = call.chain.rpartition(".")
        if (
            receiver == "self"
            and not callees
            and self.is_consumer(place)
            and name in ("send", "emit", *words.SOCKET_SENDS)
        ):
            return Reach.SOCKET
        if words.is_send(call.chain) and not (receiver == "self" and callees):
            return Reach.NOWHERE if any("Emitter" in one.function.symbol for one in callees) else Reach.SOCKET
        if words.is_stream(call.chain) and has_events:
            return Reach.SOCKET
        if callees:
            return Reach.NOWHERE
        if words.is_send(self._stands_for(place, call.chain)):
            return Reach.SOCKET
        if words.may_send(call.chain) or (call.chain == "send" and has_events and "send" in place.function.parameters):
            return Reach.SOCKET
        return Reach.EMITTER if words.hands_on(call.chain) else Reach.NOWHERE

    def _stands_for(self, place: Place, chain: str) -> str:
        """The function that a name was given: ``send = async_to_sync(layer.group_send)``."""
        receiver, _, name = chain.rpartition(".")
        if receiver == "self" and place.home is not None:
            return place.home.types.get(name, "").removeprefix("=")
        if receiver:
            return chain
        given = place.function.types.get(name, "") or place.module.types.get(name, "")
        return given.removeprefix("=") or place.module.imports.get(name, name)

    def is_direct(self, place: Place, step: Step) -> bool:
        """Whether a call is a layer's or a socket's own send function, whatever it carries."""
        return step.ends is Reach.SOCKET and (words.is_send(step.send) or step.send.rpartition(".")[0] == "self")

    def is_consumer(self, place: Place) -> bool:
        """Whether a method's class is itself a socket, as Channels' consumers are."""
        if place.home is None:
            return False
        line = self.tree.lineage(self.tree.definition(place.module, place.home))
        names = (name.rpartition(".")[2] for one in line for name in (one.made.name, *one.made.bases))
        return any(map(words.is_consumer_class, names))

    def _nearby(self, place: Place, chain: str) -> list[Place]:
        """A method that nothing says the class of: one of the same name in the same file."""
        receiver, _, name = chain.rpartition(".")
        if not receiver or name.startswith("__"):
            return []
        if receiver != "self" and not words.hands_on(chain):
            return []
        made = [one for one in place.module.classes.values() if name in one.methods and one is not place.home]
        found = [self.tree.place(place.module, one.methods[name], one) for one in made]
        return found if receiver == "self" else _called_like(receiver, found)

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


def _called_like(receiver: str, places: list[Place]) -> list[Place]:
    """Of several methods those whose class is called like the thing they are called on."""
    word = words.last_word(receiver).replace("_", "").lower()
    return [one for one in places if word and word in one.function.owner.lower()] if len(places) > 1 else places


def is_own(place: Place, callee: Place) -> bool:
    """Whether a function belongs to the one who calls it: same class, or a private function of the same file."""
    if place.function is callee.function:
        return True
    if place.module is not callee.module:
        return False
    if place.home is not None and callee.home is place.home:
        return True
    return callee.home is None and callee.function.name.startswith("_")
