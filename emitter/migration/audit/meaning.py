"""Which of the critical events a value may be, once names are looked up."""

from __future__ import annotations

from collections.abc import Iterable

from emitter.migration.audit.facts import Atom, Atoms, Kind
from emitter.migration.audit.scope import Scope
from emitter.migration.audit.tree import Definition, Name, Place, Tree
from emitter.migration.audit.words import TYPE_ATTRIBUTES, event_called

Events = frozenset[str]
NONE: Events = frozenset()


class Meanings:
    """Turns atoms into events. Whatever means itself means nothing."""

    def __init__(self, tree: Tree, scope: Scope) -> None:
        self._tree = tree
        self._scope = scope
        self._known: dict[tuple[object, ...], Events] = {}
        self._event_classes: list[Definition] | None = None

    def of(self, place: Place, atoms: Atoms) -> Events:
        """The events in a value of a function."""
        return frozenset().union(*(self._atom(place, atom) for atom in atoms))

    def typed(self, place: Place) -> Events:
        """The events that a function takes by its annotations: ``event: AgentStarted``, ``event: Event``."""
        key = ("typed", id(place.function))
        if key not in self._known:
            names = (name for name in place.function.parameters if name in place.function.types)
            self._known[key] = frozenset().union(*(self._parameter(place, name) for name in names))
        return self._known[key]

    def _atom(self, place: Place, atom: Atom) -> Events:
        if atom.kind is Kind.EVENT:
            return frozenset({atom.text})
        home = id(place.home) if atom.kind is Kind.ATTRIBUTE else id(place.function)
        key = (atom.kind, atom.text, id(place.module), home)
        if key not in self._known:
            self._known[key] = NONE
            self._known[key] = self._looked_up(place, atom)
        return self._known[key]

    def _looked_up(self, place: Place, atom: Atom) -> Events:
        match atom.kind:
            case Kind.NAME:
                return self._named(place, atom.text)
            case Kind.PARAMETER:
                return self._parameter(place, atom.text)
            case Kind.ATTRIBUTE:
                return self._attribute(place, atom.text)
            case _:
                return self._result(place, atom.text)

    def _named(self, place: Place, chain: str) -> Events:
        found = self._tree.symbol(place.module, chain)
        if isinstance(found, Name):
            return self._constant(found)
        known = self.of_class(found) if isinstance(found, Definition) else NONE
        if known or not (found is None or isinstance(found, Definition)):
            return known
        called = event_called(chain.rpartition(".")[2])
        return NONE if called is None else frozenset({called})

    def _constant(self, name: Name) -> Events:
        atoms = (name.home.constants if name.home else name.module.constants)[name.name]
        top = name.module.functions.get("<module>")
        return self.of(self._tree.place(name.module, top, None), atoms) if top and atoms else NONE

    def _parameter(self, place: Place, name: str) -> Events:
        found: set[str] = set()
        for meaning in self._scope.typed(place, name):
            if isinstance(meaning, Name):
                found |= self._constant(meaning)
            elif isinstance(meaning, Definition):
                found |= self._of_kind(meaning)
        return frozenset(found)

    def _attribute(self, place: Place, name: str) -> Events:
        if place.home is None:
            return NONE
        found: set[str] = set()
        for one in self._tree.lineage(self._tree.definition(place.module, place.home)):
            if name in one.made.constants:
                found |= self._constant(Name(one.module, one.made, name))
            for method in one.made.methods.values():
                if name in method.writes:
                    found |= self.of(self._tree.place(one.module, method, one.made), _own(method.writes[name]))
        return frozenset(found)

    def _result(self, place: Place, chain: str) -> Events:
        return frozenset().union(
            *(self.of(callee, _own(callee.function.returns)) for callee in self._scope.callees(place, chain))
        )

    # Classes of events ------------------------------------------------------------------------------------------------

    def of_class(self, definition: Definition) -> Events:
        """The events that things of a class are, by its own word: ``type = "agent_started"``."""
        for one in self._tree.lineage(definition):
            for name in TYPE_ATTRIBUTES:
                if name in one.made.constants and (found := self._constant(Name(one.module, one.made, name))):
                    return found
            made = one.made.methods.get("__init__")
            if made is not None and (found := self._made(self._tree.place(one.module, made, one.made))):
                return found
        return NONE

    def _made(self, place: Place) -> Events:
        """What ``__init__`` writes into ``self.type``, or hands to the one above."""
        writes = [place.function.writes[name] for name in TYPE_ATTRIBUTES if name in place.function.writes]
        above = [call.atoms for call in place.function.calls if call.chain == "super().__init__"]
        return frozenset().union(*(self.of(place, _own(atoms)) for atoms in [*writes, *above]))

    def _of_kind(self, definition: Definition) -> Events:
        """The events of a class, of those that inherit from it, and of those that look as a protocol says."""
        kinds = self._tree.descendants(definition)
        if "Protocol" in {base.rpartition(".")[2] for base in definition.made.bases}:
            wanted = {*definition.made.methods, *definition.made.types} - {"<module>"}
            kinds += [one for one in self._classes_of_events() if wanted and wanted <= self._members(one)]
        return frozenset().union(*(self.of_class(one) for one in kinds))

    def _classes_of_events(self) -> Iterable[Definition]:
        if self._event_classes is None:
            self._event_classes = [one for one in self._tree.definitions() if self.of_class(one)]
        return self._event_classes

    def _members(self, definition: Definition) -> set[str]:
        line = self._tree.lineage(definition)
        return {name for one in line for name in (*one.made.methods, *one.made.types, *one.made.constants)}


def _own(atoms: Atoms) -> Atoms:
    """Without what the caller gives."""
    return frozenset(atom for atom in atoms if atom.kind is not Kind.PARAMETER)
