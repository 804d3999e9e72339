"""What is known of a file once it is read: names, functions and their calls. Plain data, to go between processes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple


class Kind(IntEnum):
    """What an :class:`Atom` is."""

    EVENT = 1  #: a critical event, by its name
    NAME = 2  #: a constant or a class, to be looked up
    PARAMETER = 3  #: whatever the caller gives
    ATTRIBUTE = 4  #: whatever ``self`` holds under this name
    RESULT = 5  #: whatever this function returns


class Atom(NamedTuple):
    """One thing that a value may be made of."""

    kind: Kind
    text: str


Atoms = frozenset[Atom]
NOTHING: Atoms = frozenset()


@dataclass(slots=True)
class Call:
    """A call: ``chain`` is the function as written (``self.manager.send_to_user``), ``atoms`` what its arguments hold.

    ``functions`` are arguments that may be functions, which are called later with what the call carries.
    """

    line: int
    chain: str
    atoms: Atoms
    functions: tuple[str, ...] = ()


@dataclass(slots=True)
class Function:
    """A function with all that is nested in it.

    A type is a text: an annotation after ``:``, or after ``=`` the expression that made the value.
    """

    name: str
    line: int
    owner: str = ""
    parameters: tuple[str, ...] = ()
    types: dict[str, str] = field(default_factory=dict)
    returns_type: str = ""
    calls: list[Call] = field(default_factory=list)
    returns: Atoms = NOTHING
    writes: dict[str, Atoms] = field(default_factory=dict)
    decorators: tuple[str, ...] = ()

    @property
    def symbol(self) -> str:
        return f"{self.owner}.{self.name}" if self.owner else self.name


@dataclass(slots=True)
class Class:
    """A class: its name within its module, its bases as written, its constants, the types of its attributes."""

    name: str
    line: int
    bases: tuple[str, ...] = ()
    constants: dict[str, Atoms] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    methods: dict[str, Function] = field(default_factory=dict)


@dataclass(slots=True)
class Module:
    """A file: ``parts`` is its place (``("app", "services", "bridge")``), ``imports`` what each name stands for.

    A relative import keeps its dots. Of a file that is not whole only names are known.
    """

    path: str
    parts: tuple[str, ...] = ()
    is_package: bool = False
    is_whole: bool = False
    imports: dict[str, str] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    constants: dict[str, Atoms] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that could not be read, and why."""

    path: str
    why: str


def events(names: Iterable[str]) -> Atoms:
    return frozenset(Atom(Kind.EVENT, name) for name in names)
