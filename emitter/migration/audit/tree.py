"""The code base as a whole: which definition a name in one file means, across imports, bases and types."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from emitter.migration.audit.facts import Class, Function, Module

#: How many names may stand for one another in a row.
_STEPS = 12
#: How many parts of a module's name it is found by.
_END = 3


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A function and where it stands."""

    module: Module
    function: Function
    home: Class | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """A class and where it stands."""

    module: Module
    made: Class


@dataclass(frozen=True, slots=True)
class Instance:
    """Something of a class."""

    of: Definition


@dataclass(frozen=True, slots=True)
class Name:
    """A constant of a file or of a class."""

    module: Module
    home: Class | None
    name: str


Meaning = Place | Definition | Instance | Name | Module | None


class Tree:
    """All files of a code base. Every answer is ``None`` or empty for what is defined elsewhere."""

    def __init__(self, modules: Iterable[Module]) -> None:
        self.modules = sorted(modules, key=lambda module: module.path)
        self._by_end = defaultdict[tuple[str, ...], list[Module]](list)
        for module in self.modules:
            for length in range(1, min(_END, len(module.parts)) + 1):
                self._by_end[module.parts[-length:]].append(module)
        self._definitions: dict[int, Definition] = {}
        self._places: dict[int, Place] = {}
        self._symbols: dict[tuple[int, str], Meaning] = {}
        self._lines: dict[tuple[int, Definition], list[Definition]] = {}
        self._parents: dict[Definition, list[Definition]] = {}
        self._children = defaultdict[Definition, list[Definition]](list)
        for definition in self.definitions():
            bases = (self.symbol(definition.module, base) for base in definition.made.bases)
            self._parents[definition] = [one for one in bases if isinstance(one, Definition) and one is not definition]
            for base in self._parents[definition]:
                self._children[base].append(definition)

    # What there is ----------------------------------------------------------------------------------------------------

    def definitions(self) -> Iterator[Definition]:
        for module in self.modules:
            for made in module.classes.values():
                yield self.definition(module, made)

    def places(self) -> Iterator[Place]:
        """Every function, file by file."""
        for module in self.modules:
            for function in module.functions.values():
                yield self.place(module, function, None)
            for made in module.classes.values():
                for function in made.methods.values():
                    yield self.place(module, function, made)

    def definition(self, module: Module, made: Class) -> Definition:
        return self._definitions.setdefault(id(made), Definition(module, made))

    def place(self, module: Module, function: Function, home: Class | None) -> Place:
        return self._places.setdefault(id(function), Place(module, function, home))

    # Classes ----------------------------------------------------------------------------------------------------------

    def lineage(self, definition: Definition) -> list[Definition]:
        """A class and its bases, nearest first."""
        return self._line(definition, self._parents)

    def descendants(self, definition: Definition) -> list[Definition]:
        """A class and all that inherit from it."""
        return self._line(definition, self._children)

    def _line(self, first: Definition, following: dict[Definition, list[Definition]]) -> list[Definition]:
        known = self._lines.get((id(following), first))
        if known is None:
            line = {first: None}  # In order, and each once.
            waiting = [first]
            for one in waiting:
                waiting += [other for other in following.get(one, ()) if other not in line]
                line |= dict.fromkeys(waiting)
            known = self._lines[id(following), first] = list(line)
        return known

    def method(self, line: Sequence[Definition], name: str) -> Place | None:
        """The first method of this name."""
        for one in line:
            if name in one.made.methods:
                return self.place(one.module, one.made.methods[name], one.made)
        return None

    # Names ------------------------------------------------------------------------------------------------------------

    def symbol(self, module: Module, chain: str) -> Meaning:
        """What a name at the top of a file means, through imports."""
        key = (id(module), chain)
        if key not in self._symbols:
            root, _, rest = chain.partition(".")
            meaning = self.within(module, root)
            self._symbols[key] = self.inside(meaning, rest) if rest and meaning is not None else meaning
        return self._symbols[key]

    def within(self, module: Module, name: str, steps: int = 0) -> Meaning:
        """What a plain name means at the top of a file."""
        if name in module.classes:
            return self.definition(module, module.classes[name])
        if name in module.functions:
            return self.place(module, module.functions[name], None)
        if name in module.constants:
            return Name(module, None, name)
        if steps > _STEPS:
            return None
        if name in module.imports:
            return self._imported(module, module.imports[name], steps + 1)
        for star in module.stars:
            source = self._module(module, star)
            if source is not None and source is not module:
                found = self.within(source, name, steps + 1)
                if found is not None:
                    return found
        return None

    def inside(self, meaning: Meaning, rest: str, steps: int = 0) -> Meaning:
        """What a dotted name means from here on, as long as no value has to be known."""
        for name in rest.split("."):
            match meaning:
                case Module():
                    meaning = self.within(meaning, name, steps + 1) or self._submodule(meaning, name)
                case Definition(module, made):
                    inner = module.classes.get(f"{made.name}.{name}")
                    method = self.method(self.lineage(meaning), name)
                    meaning = self.definition(module, inner) if inner else method or self._constant(meaning, name)
                case Name():
                    return meaning
                case _:
                    return None
        return meaning

    def _constant(self, definition: Definition, name: str) -> Name | None:
        for one in self.lineage(definition):
            if name in one.made.constants:
                return Name(one.module, one.made, name)
        return None

    def _imported(self, module: Module, dotted: str, steps: int) -> Meaning:
        """``package.module``, or ``package.module.name``."""
        path = dotted.lstrip(".")
        head, _, name = path.rpartition(".")
        source = dotted.removesuffix(path) + head
        outer = self._module(module, source) if source else None
        found = self.within(outer, name, steps) if outer is not None and outer is not module else None
        return found if found is not None else self._module(module, dotted)

    def _module(self, module: Module, dotted: str) -> Module | None:
        """A module by its name, the nearest one if several places have one."""
        name = dotted.lstrip(".")
        level = len(dotted) - len(name)
        wanted = tuple(name.split(".")) if name else ()
        if level:
            package = module.parts if module.is_package else module.parts[:-1]
            package = package[: len(package) - (level - 1)] if level > 1 else package
            wanted = (*package, *wanted)
        nearly = self._by_end.get(wanted[-_END:], [])
        candidates = [other for other in nearly if other.parts[-len(wanted) :] == wanted]
        return max(candidates, key=lambda other: _shared(other.parts, module.parts), default=None)

    def _submodule(self, package: Module, name: str) -> Module | None:
        return self._module(package, f".{name}") if package.is_package else None


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many folders two places share from the top."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
