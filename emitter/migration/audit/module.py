"""Reads one file: its names, classes and functions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from emitter.migration.audit.facts import Atoms, Class, Function, Module, events
from emitter.migration.audit.flow import Flow
from emitter.migration.audit.outline import bases_of, read_outline, take_import, top_of
from emitter.migration.audit.syntax import chain_of
from emitter.migration.audit.words import event_in

#: Words of emitting. A file without any is read whole only if events are handed to it.
HOT = re.compile(
    rb"agent[._:-]?(started|thinking|completed|\W)|tool[._:-]?(executing|completed|\W)|emitter|emit_|notify_"
    rb"|thinking\(|group_send|send_to_|broadcast|send_json|send_text|channel_layer|websocket|socketio",
    re.IGNORECASE,
)
_CONSTANT = re.compile(r"_*[A-Z]")
_SCRIPT = "<module>"


def read_module(shown: str, place: PurePath, source: bytes, tree: ast.Module, *, whole: bool = False) -> Module:
    """What is known of a file, given its syntax tree: all, or if none of the words is in it the outline."""
    is_package = place.stem == "__init__"
    parts = place.parts[:-1] if is_package else (*place.parts[:-1], place.stem)
    module = Module(shown, parts, is_package)
    if whole or HOT.search(source):
        module.is_whole = True
        _Reader(module).read(tree)
    else:
        read_outline(module, tree)
    return module


class _Reader:
    """Fills a module in."""

    def __init__(self, module: Module) -> None:
        self._module = module

    def read(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            take_import(self._module, node)
        for statement in top_of(tree.body):
            if isinstance(statement, ast.Assign | ast.AnnAssign):
                for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
                    if isinstance(target, ast.Name):
                        self._module.constants.setdefault(target.id, frozenset())
        script = Function(_SCRIPT, 1)
        flow = Flow(script, self._is_known, nested=False)
        flow.read(None, tree.body)
        self._module.types = script.types
        self._module.functions[_SCRIPT] = script
        for statement in top_of(tree.body):
            self._constant(flow, statement, self._module.constants)
        self._definitions(tree.body, None, "")

    def _is_known(self, chain: str) -> bool:
        """Constants and classes by the look of them, and whatever this file names itself or brings in."""
        root, _, _ = chain.partition(".")
        last = chain.rpartition(".")[2]
        return bool(_CONSTANT.match(last)) or root in self._module.constants or chain in self._module.imports

    def _definitions(self, body: Iterable[ast.stmt], owner: Class | None, within: str) -> None:
        for statement in top_of(body):
            if isinstance(statement, ast.ClassDef):
                self._class(statement, within)
            elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                function = self._function(statement, owner)
                home = self._module.functions if owner is None else owner.methods
                if function.name in home and not function.returns_type:  # A property's setter follows its getter.
                    function.returns_type = home[function.name].returns_type
                home[function.name] = function
                for node in _classes_within(statement):
                    self._class(node, f"{within}{statement.name}.")

    def _class(self, node: ast.ClassDef, within: str) -> None:
        made = Class(f"{within}{node.name}", node.lineno, bases_of(node))
        self._module.classes[made.name] = made
        body = Function(_SCRIPT, node.lineno, made.name)
        flow = Flow(body, self._is_known, nested=False)
        flow.read(None, node.body)
        made.types.update(body.types)
        for statement in node.body:
            self._constant(flow, statement, made.constants)
        for name, atoms in _named_members(node):
            made.constants[name] = atoms
        self._definitions(node.body, made, f"{made.name}.")
        for method in made.methods.values():
            for name in [name for name in method.types if name.startswith("self.")]:
                made.types.setdefault(name.removeprefix("self."), method.types[name])

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, owner: Class | None) -> Function:
        function = Function(node.name, node.lineno, owner.name if owner else "")
        parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        function.parameters = tuple(parameter.arg for parameter in parameters)
        for parameter in parameters:
            if parameter.annotation is not None:
                function.types[parameter.arg] = f":{ast.unparse(parameter.annotation)}"
        function.returns_type = f":{ast.unparse(node.returns)}" if node.returns else ""
        function.decorators = tuple(filter(None, map(chain_of, node.decorator_list)))
        Flow(function, self._is_known).read(node.args, node.body)
        for decorator in node.decorator_list:
            Flow(function, self._is_known).held(decorator)  # What a decorator is given, its function gives.
        return function

    def _constant(self, flow: Flow, statement: ast.stmt, constants: dict[str, Atoms]) -> None:
        """What a name of the file or the class stands for."""
        match statement:
            case ast.Assign(targets, value):
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            case ast.AnnAssign(ast.Name(name), _, ast.expr() as value):
                names = [name]
            case ast.AnnAssign(ast.Name(name), ast.Subscript(ast.Name("Literal")) as value, None):
                names = [name]
            case _:
                return
        for name in names:
            constants[name] = constants.get(name, frozenset()) | flow.held(value)


def _classes_within(node: ast.AST) -> Iterator[ast.ClassDef]:
    """The classes that a function defines, without those that these define."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield child
        elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield from _classes_within(child)


def _named_members(node: ast.ClassDef) -> Iterator[tuple[str, Atoms]]:
    """Members of an enumeration that are named only: ``AGENT_STARTED = auto()``."""
    for statement in node.body:
        match statement:
            case ast.Assign([ast.Name(name)], ast.Call(function)) if chain_of(function).endswith("auto"):
                event = event_in(name.lower())
                yield name, frozenset() if event is None else events([event])
