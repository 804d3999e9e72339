"""What a name means within a function, where values have types: ``self.manager.send_to_user``, ``run.tool()``."""

from __future__ import annotations

import re
from itertools import islice

from emitter.migration.audit.facts import Class, Function, Module
from emitter.migration.audit.tree import Definition, Instance, Meaning, Name, Place, Tree

#: How many types may follow from one another in a row.
_STEPS = 12
#: How many overrides of a method are looked at.
_OVERRIDES = 20
_WORD = re.compile(r"[A-Za-z_][\w.]*")
_SEGMENT = re.compile(r"(\w+)((?:\(\)|\[\])*)")
_NO_FUNCTION = Function("<module>", 0)


class Scope:
    """Looks names up from within functions of a tree."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._known: dict[tuple[int, int, int, str], Meaning] = {}

    def meaning(self, place: Place, chain: str, steps: int = 0) -> Meaning:
        """The definition that a chain ends at, an :class:`Instance` for a value whose class is known."""
        key = (id(place.module), id(place.home), id(place.function), chain)
        if key not in self._known:
            self._known[key] = None  # What follows from itself is not known.
            self._known[key] = self._meaning(place, chain, steps)
        return self._known[key]

    def callees(self, place: Place, chain: str) -> list[Place]:
        """The functions that a call may reach: one, or all overrides of one that does nothing itself."""
        match self.meaning(place, chain):
            case Definition() as definition:
                made = self._tree.method(self._tree.lineage(definition), "__init__")
                return [made] if made else []
            case Place(module, function, home) as found:
                if function.calls or home is None or not module.is_whole:
                    return [found]
                line = self._tree.descendants(self._tree.definition(module, home))
                overrides = (self._tree.method([child], function.name) for child in line[1:])
                return [found, *islice(filter(None, overrides), _OVERRIDES)]
            case _:
                return []

    def makers(self, place: Place, chain: str) -> list[Place]:
        """The functions behind a decorator: itself, or what made it."""
        bare = chain.rstrip("()")
        match self.meaning(place, bare):
            case Place() as found:
                return [found]
            case Name(module, home, name):
                text = (home.types if home else module.types).get(name, "")
                return (
                    self.makers(_at_top(module, home), text[1:]) if text.startswith("=") and text[1:] != chain else []
                )
            case _:
                return []

    def typed(self, place: Place, name: str) -> list[Meaning]:
        """The classes, and names that stand for classes, in a parameter's annotation."""
        text = place.function.types.get(name, "")
        return self._annotated(place.module, text) if text.startswith(":") and "Callable[" not in text else []

    # One step after another -------------------------------------------------------------------------------------------

    def _meaning(self, place: Place, chain: str, steps: int) -> Meaning:
        segments = _SEGMENT.findall(chain)
        if not segments or steps > _STEPS:
            return None
        name, suffixes = segments[0]
        if name == "super" and place.home is not None and len(segments) > 1:
            line = self._tree.lineage(self._tree.definition(place.module, place.home))[1:]
            meaning: Meaning = self._tree.method(line, segments[1][0])
            suffixes, segments = segments[1][1], segments[1:]
        else:
            meaning = self._root(place, name, suffixes, steps)
            suffixes = suffixes.replace("[]", "")
        meaning = self._called(meaning, suffixes, steps)
        for name, suffixes in segments[1:]:
            meaning = self._called(self._member(meaning, name, suffixes, steps), suffixes.replace("[]", ""), steps)
        return meaning

    def _root(self, place: Place, name: str, suffixes: str, steps: int) -> Meaning:
        if name in ("self", "cls") and place.home is not None:
            return Instance(self._tree.definition(place.module, place.home))
        if name in place.function.types:
            return self._of_type(place, place.function.types[name], "[]" in suffixes, steps)
        meaning = self._tree.symbol(place.module, name)
        return self._value(meaning, "[]" in suffixes, steps) or meaning

    def _value(self, meaning: Meaning, item: bool, steps: int) -> Meaning:
        """What a constant holds, if that is something of a known class."""
        if not isinstance(meaning, Name):
            return None
        text = (meaning.home.types if meaning.home else meaning.module.types).get(meaning.name, "")
        return self._of_type(_at_top(meaning.module, meaning.home), text, item, steps)

    def _member(self, meaning: Meaning, name: str, suffixes: str, steps: int) -> Meaning:
        if not isinstance(meaning, Instance):
            found = self._tree.inside(meaning, name) if meaning is not None else None
            return self._value(found, "[]" in suffixes, steps) or found
        line = self._tree.lineage(meaning.of)
        method = self._tree.method(line, name)
        if method is not None:
            is_property = any("property" in decorator for decorator in method.function.decorators)
            return self._returned(method, steps) if is_property else method
        for one in line:
            if name in one.made.types:
                return self._of_type(_at_top(one.module, one.made), one.made.types[name], "[]" in suffixes, steps)
        return None

    def _called(self, meaning: Meaning, suffixes: str, steps: int) -> Meaning:
        for _ in range(suffixes.count("()")):
            match meaning:
                case Definition():
                    meaning = Instance(meaning)
                case Place():
                    meaning = self._returned(meaning, steps)
                case _:
                    return None
        return meaning

    def _returned(self, place: Place, steps: int) -> Meaning:
        if place.function.returns_type.strip(":'\"") == "Self" and place.home is not None:
            return Instance(self._tree.definition(place.module, place.home))
        return self._of_type(place, place.function.returns_type, False, steps)

    def _of_type(self, place: Place, text: str, item: bool, steps: int) -> Meaning:
        """Something of a type as written; ``item`` means what is in it."""
        if text.startswith("="):
            found = self.meaning(place, text[1:], steps + 1)
            return found if not isinstance(found, Name) else None
        if "Callable[" in text:
            return None
        classes = [one for one in self._annotated(place.module, text) if isinstance(one, Definition)]
        return Instance(classes[-1 if item else 0]) if classes else None

    def _annotated(self, module: Module, text: str) -> list[Meaning]:
        found = (self._tree.symbol(module, word) for word in _WORD.findall(text.lstrip(":")))
        return [meaning for meaning in found if isinstance(meaning, Definition | Name)]


def _at_top(module: Module, home: Class | None) -> Place:
    return Place(module, _NO_FUNCTION, home)
