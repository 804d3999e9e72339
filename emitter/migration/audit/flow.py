"""Reads one function: which calls it makes, what the arguments of each are made of, and what it returns.

Where a function turns back, in a loop or in a function within it, a second pass follows a value around.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable

from emitter.migration.audit.facts import Call, Function
from emitter.migration.audit.syntax import chain_of, made_by
from emitter.migration.audit.values import Values

_FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


class Flow(Values):
    """Follows values through the statements of one function, and with ``nested`` through the functions in it."""

    def __init__(self, function: Function, is_known: Callable[[str], bool], *, nested: bool = True) -> None:
        super().__init__(function, is_known)
        self._reads_nested = nested
        self._turns_back = False

    def read(self, parameters: ast.arguments | None, body: list[ast.stmt]) -> None:
        """Fills in the calls, returns and writes of the function."""
        self._pass(parameters, body)
        if self._turns_back:
            self._function.calls.clear()
            self._pass(parameters, body)
        self._function.returns = frozenset(self._returns)

    def _pass(self, parameters: ast.arguments | None, body: list[ast.stmt]) -> None:
        if parameters is not None:
            self._take_parameters(parameters)
        self._statements(body)

    def _statements(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets, value):
                self._assign(targets, value)
            case ast.AnnAssign(target, annotation, value):
                self._note_type(target, f":{ast.unparse(annotation)}")
                if value is not None:
                    self._assign([target], value)
            case ast.AugAssign(target, _, value):
                self._put(target, self._value(value), value)
            case ast.Return(value) if value is not None:
                self._returns |= self._value(value)
            case ast.For(target, values, body, orelse) | ast.AsyncFor(target, values, body, orelse):
                self._turns_back = True
                self._put(target, self._value(values))
                self._statements([*body, *orelse])
            case ast.With(items, body) | ast.AsyncWith(items, body):
                for item in items:
                    self._enter(item, isinstance(node, ast.AsyncWith))
                self._statements(body)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                if self._reads_nested:
                    self._nested(node)
            case ast.ClassDef():
                pass
            case _:
                self._other(node)

    def _other(self, node: ast.AST) -> None:
        """Any other statement: its expressions, then its blocks."""
        self._turns_back |= isinstance(node, ast.While)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._value(child)
            elif isinstance(child, ast.stmt):
                self._statement(child)
            else:
                self._other(child)

    def _nested(self, node: _FunctionNode) -> None:
        """A function within the function: what it does, its maker does."""
        self._turns_back = True
        for decorator in node.decorator_list:
            self._value(decorator)
        self._take_parameters(node.args)
        self._statements(node.body)

    def _enter(self, item: ast.withitem, awaits: bool) -> None:
        held = self._value(item.context_expr)
        chain = chain_of(item.context_expr)
        if chain:
            for name in ("__aenter__", "__aexit__") if awaits else ("__enter__", "__exit__"):
                self._record(Call(item.context_expr.lineno, f"{chain}.{name}", held))
        if item.optional_vars is not None:
            self._put(item.optional_vars, held)
            self._note_type(item.optional_vars, f"={chain}")

    def _assign(self, targets: list[ast.expr], value: ast.expr) -> None:
        held, made = self._value(value), made_by(value)
        for target in targets:
            self._put(target, held, value)
            if made:
                self._note_type(target, f"={made}")
