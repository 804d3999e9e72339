"""The calls of a function that matter: which functions each reaches, and whether it ends at a socket by itself."""

from __future__ import annotations

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


class Steps:
    """Reads the calls of the functions of a tree."""

    def __init__(self, tree: Tree, scope: Scope, meanings: Meanings) -> None:
        self._tree, self._scope, self._meanings = tree, scope, meanings

    def of(self, place: Place) -> list[Step]:
        """The calls of a function, and what its decorators do with its answer."""
        return [*(self._step(place, call) for call in place.function.calls), *self._decorated(place)]

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
            and is_consumer(self._tree, place)
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

    def _nearby(self, place: Place, chain: str) -> list[Place]:
        """A method that nothing says the class of: one of the same name in the same file."""
        receiver, _, name = chain.rpartition(".")
        if not receiver or name.startswith("__"):
            return []
        if receiver != "self" and not words.hands_on(chain):
            return []
        made = [one for one in place.module.classes.values() if name in one.methods and one is not place.home]
        found = [self._tree.place(place.module, one.methods[name], one) for one in made]
        return found if receiver == "self" else called_like(receiver, found)


def is_consumer(tree: Tree, place: Place) -> bool:
    """Whether a method's class is itself a socket, as Channels' consumers are."""
    if place.home is None:
        return False
    line = tree.lineage(tree.definition(place.module, place.home))
    names = (name.rpartition(".")[2] for one in line for name in (one.made.name, *one.made.bases))
    return any(map(words.is_consumer_class, names))


def is_direct(step: Step) -> bool:
    """Whether a call is a layer's or a socket's own send function, whatever it carries."""
    return step.ends is Reach.SOCKET and (words.is_send(step.send) or step.send.rpartition(".")[0] == "self")


def called_like(receiver: str, places: list[Place]) -> list[Place]:
    """Of several methods those whose class is called like the thing they are called on."""
    word = words.last_word(receiver).replace("_", "").lower()
    return [one for one in places if word and word in one.function.owner.lower()] if len(places) > 1 else places
