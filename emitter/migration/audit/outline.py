"""Reads the names of a file without what its functions do: enough to find out which file a name leads to."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from emitter.migration.audit.facts import NOTHING, Class, Function, Module
from emitter.migration.audit.syntax import chain_of, made_by

_FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def read_outline(module: Module, tree: ast.Module) -> None:
    """Fills in imports, constants, and what there is of classes and functions."""
    for statement in top_of(tree.body):
        take_import(module, statement)
        match statement:
            case ast.ClassDef():
                module.classes[statement.name] = made = Class(statement.name, statement.lineno, bases_of(statement))
                methods = (part for part in statement.body if isinstance(part, _FunctionNode))
                made.methods = {part.name: _empty(part, statement.name) for part in methods}
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                module.functions[statement.name] = _empty(statement, "")
            case ast.Assign([ast.Name(name)], value):
                module.constants[name] = NOTHING
                if isinstance(value, ast.Call | ast.Name | ast.Attribute) and (maker := made_by(value)):
                    module.types[name] = f"={maker}"


def _empty(node: _FunctionNode, owner: str) -> Function:
    returns = chain_of(node.returns) if node.returns is not None else ""
    return Function(node.name, node.lineno, owner, returns_type=f":{returns}" if returns else "")


def take_import(module: Module, node: ast.AST) -> None:
    """Notes what an import brings in."""
    if isinstance(node, ast.ImportFrom):
        source = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                module.stars.append(source)
            else:
                module.imports[alias.asname or alias.name] = (
                    f"{source}{'' if source.endswith('.') else '.'}{alias.name}"
                )
    elif isinstance(node, ast.Import):
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            module.imports[name] = alias.name if alias.asname else name


def top_of(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a file, those under a condition too."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try):
            yield from top_of([*statement.body, *statement.orelse])
            for handler in getattr(statement, "handlers", []):
                yield from top_of(handler.body)


def bases_of(node: ast.ClassDef) -> tuple[str, ...]:
    """The bases of a class as written, without their own parameters."""
    return tuple(chain.rstrip("[]") for chain in map(made_by, node.bases) if chain)
