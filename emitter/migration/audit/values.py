"""Reads expressions: what their values are made of, which calls are in them, and what names hold.

A name holds whatever has been put into it so far, in any branch. That finds a little too much rather than too little.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable

from emitter.migration.audit.facts import NOTHING, Atom, Atoms, Call, Function, Kind, events
from emitter.migration.audit.syntax import chain_of, inner_of, is_plain, names_type, parts_of, pieces_of, references
from emitter.migration.audit.words import TYPE_KEYS, event_in, events_like, events_written_in, hands_on

#: Methods that put their arguments into what they are called on.
_PUTS = frozenset({"append", "appendleft", "add", "put", "put_nowait", "extend", "insert", "update", "setdefault"})
#: What the answer of these says nothing of what they were given.
_SWALLOW = frozenset({"len", "isinstance", "issubclass", "hasattr", "bool", "id", "print", "hash", "count", "index"})
#: Most that is remembered of one value; beyond that only the events.
_MOST = 60


class Values:
    """What the names in one function hold. ``is_known`` tells which other names are worth looking up later."""

    def __init__(self, function: Function, is_known: Callable[[str], bool]) -> None:
        self._function = function
        self._is_known = is_known
        self._held: dict[str, Atoms] = {}
        self._returns: set[Atom] = set()

    def held(self, node: ast.expr) -> Atoms:
        """What a constant of this value is made of: a table of all its values, a union of its members."""
        held = self._value(node)
        if isinstance(node, ast.Subscript):
            return held | self._value(node.slice)
        return held | self._all(node.values) if isinstance(node, ast.Dict) else held

    # Names and what is put into them ----------------------------------------------------------------------------------

    def _take_parameters(self, parameters: ast.arguments) -> None:
        positional = [*parameters.posonlyargs, *parameters.args]
        defaults = [None] * (len(positional) - len(parameters.defaults)) + list(parameters.defaults)
        pairs = [
            *zip(positional, defaults, strict=True),
            *zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True),
        ]
        pairs += [(rest, None) for rest in (parameters.vararg, parameters.kwarg) if rest is not None]
        for parameter, default in pairs:
            held = self._value(default) if default is not None else NOTHING
            if parameter.arg not in ("self", "cls"):
                self._hold(parameter.arg, held | {Atom(Kind.PARAMETER, parameter.arg)})

    def _put(self, target: ast.expr, held: Atoms, value: ast.expr | None = None) -> None:
        match target:
            case ast.Name(name):
                self._hold(name, held)
            case ast.Attribute(ast.Name("self" | "cls"), name):
                self._write(name, held)
            case ast.Attribute(inner, name):
                self._put(inner, held if name in TYPE_KEYS or not is_plain(value) else NOTHING)
            case ast.Subscript(inner, key):
                self._value(key)
                self._put(inner, held if names_type(key) or not is_plain(value) else NOTHING)
            case ast.Tuple(parts) | ast.List(parts):
                for part in parts:
                    self._put(part, held, value)
            case ast.Starred(inner):
                self._put(inner, held, value)
            case _:
                self._value(target)

    def _hold(self, name: str, held: Atoms) -> None:
        self._held[name] = _bounded(self._held.get(name, NOTHING) | held)

    def _write(self, name: str, held: Atoms) -> None:
        writes = self._function.writes
        writes[name] = _bounded(writes.get(name, NOTHING) | held)

    def _note_type(self, target: ast.expr, type_text: str) -> None:
        """The first thing known of a name's type counts, but an annotation more than a value."""
        match target:
            case ast.Name(name) | ast.Attribute(ast.Name("self" | "cls"), name):
                key = name if isinstance(target, ast.Name) else f"self.{name}"
                known = self._function.types.get(key, "")
                if len(type_text) > 1 and (not known or (known[0] == "=" and type_text[0] == ":")):
                    if type_text[0] == "=" and isinstance(target, ast.Attribute):
                        type_text = self._function.types.get(type_text[1:], type_text)
                    self._function.types[key] = type_text

    # Expressions ------------------------------------------------------------------------------------------------------

    def _value(self, node: ast.AST) -> Atoms:
        """What an expression is made of; records the calls in it."""
        match node:
            case ast.Constant(value):
                return events(events_written_in(value)) if isinstance(value, str) else NOTHING
            case ast.JoinedStr() | ast.BinOp(op=ast.Add() | ast.Mod()):
                return self._text(node)
            case ast.Name(name):
                return self._name(name)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Call():
                return self._call(node)
            case ast.Dict(keys, values):
                return self._dict(keys, values)
            case ast.Compare():
                self._all(ast.iter_child_nodes(node))
                return NOTHING
            case ast.IfExp(test, body, orelse):
                self._value(test)
                return self._value(body) | self._value(orelse)
            case ast.Subscript(value, key):
                self._value(key)
                return self._value(value)
            case ast.NamedExpr(target, value):
                held = self._value(value)
                self._put(target, held)
                return held
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node)
            case ast.Lambda(parameters, body):
                self._take_parameters(parameters)
                return self._value(body)
            case ast.Yield(ast.expr() as value):
                self._returns |= self._value(value)
                return NOTHING
            case _:
                return self._all(ast.iter_child_nodes(node))

    def _all(self, nodes: Iterable[ast.AST]) -> Atoms:
        held: set[Atom] = set()
        for node in nodes:
            if isinstance(node, ast.expr):
                held |= self._value(node)
        return frozenset(held)

    def _text(self, node: ast.JoinedStr | ast.BinOp) -> Atoms:
        """A text that is put together, or anything else that is added up."""
        pieces = pieces_of(node)
        held = self._all(part for piece in pieces for part in inner_of(piece))
        parts = [part for piece in pieces for part in parts_of(piece)]
        return held | events(events_like(parts) | events_written_in("".join(part or "null" for part in parts)))

    def _name(self, name: str) -> Atoms:
        if name in self._held:
            return self._held[name]
        return frozenset({Atom(Kind.NAME, name)}) if self._is_known(name) else NOTHING

    def _attribute(self, node: ast.Attribute) -> Atoms:
        chain = chain_of(node)
        root, _, rest = chain.partition(".")
        if not chain or root.endswith(("()", "[]")) or (root not in ("self", "cls") and root in self._held):
            return self._value(node.value)
        if root in ("self", "cls"):
            return frozenset({Atom(Kind.ATTRIBUTE, rest.partition(".")[0].rstrip("()[]"))}) | self._calls_in(node.value)
        constant = chain.removesuffix(".value").removesuffix(".name")
        held = self._calls_in(node.value)
        return held | {Atom(Kind.NAME, constant)} if self._is_known(constant) else held

    def _calls_in(self, node: ast.expr) -> Atoms:
        """What stands within a chain of attributes, such as the arguments of a call in it."""
        if isinstance(node, ast.Call):
            return self._call(node)
        return self._calls_in(node.value) if isinstance(node, ast.Attribute | ast.Subscript | ast.Await) else NOTHING

    def _dict(self, keys: list[ast.expr | None], values: list[ast.expr]) -> Atoms:
        """A message, where a plain text counts if the key says that it is the type; or a table of types."""
        held: set[Atom] = set()
        is_table = all(isinstance(value, ast.Constant) and event_in(str(value.value)) for value in values)
        for key, value in zip(keys, values, strict=True):
            atoms = self._value(value)
            if key is None or is_table or names_type(key) or not is_plain(value):
                held |= atoms
        return frozenset(held)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Atoms:
        for part in node.generators:
            self._put(part.target, self._value(part.iter))
            self._all(part.ifs)
        return self._value(node.value if isinstance(node, ast.DictComp) else node.elt)

    def _call(self, node: ast.Call) -> Atoms:
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        given = self._all(values)
        on = self._value(node.func.value) if isinstance(node.func, ast.Attribute) else NOTHING
        chain = chain_of(node.func)
        if not chain:
            return given | on | self._value(node.func)
        functions = references(node.args)
        if isinstance(node.func, ast.Call):  # async_to_sync(layer.group_send)(group, message)
            functions += references(node.func.args)
        self._record(Call(node.lineno, chain, _bounded(given), functions))
        name = chain.rpartition(".")[2]
        if name in _SWALLOW or hands_on(chain):
            return NOTHING
        if name in _PUTS and isinstance(node.func, ast.Attribute):
            self._put(node.func.value, given)
        if name == "getattr" or (name == "format" and isinstance(node.func, ast.Attribute)):
            return given | on
        made = {Atom(Kind.RESULT, chain)}
        if self._is_known(chain):
            made.add(Atom(Kind.NAME, chain))
        return _bounded(given | on | made)

    def _record(self, call: Call) -> None:
        self._function.calls.append(call)


def _bounded(held: Atoms) -> Atoms:
    return held if len(held) <= _MOST else frozenset(atom for atom in held if atom.kind is Kind.EVENT)
