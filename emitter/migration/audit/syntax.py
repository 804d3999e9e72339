"""What single expressions say by the look of them."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from emitter.migration.audit.words import TYPE_KEYS, WRAPPERS


def chain_of(node: ast.AST) -> str:
    """A function or a value as written, without arguments: ``get_layer().group_send``. Empty for anything else."""
    suffix: list[str] = []
    while True:
        match node:
            case ast.Name(name):
                return "".join([name, *reversed(suffix)])
            case ast.Attribute(value, name):
                suffix.append(f".{name}")
                node = value
            case ast.Call(ast.Name("getattr"), [value, ast.Constant(str(name)), *_]) if name.isidentifier():
                suffix.append(f".{name}")
                node = value
            case ast.Call(function):
                suffix.append("()")
                node = function
            case ast.Subscript(value):
                suffix.append("[]")
                node = value
            case ast.Await(value):
                node = value
            case _:
                return ""


def references(values: Iterable[ast.expr]) -> tuple[str, ...]:
    """The arguments that may be functions."""
    return tuple(filter(None, (chain_of(value) for value in values if isinstance(value, ast.Name | ast.Attribute))))


def made_by(node: ast.expr) -> str:
    """The chain that says where a value comes from; of alternatives the one that makes something."""
    if isinstance(node, ast.BoolOp | ast.IfExp):
        choices = node.values if isinstance(node, ast.BoolOp) else [node.body, node.orelse]
        chains = [chain for chain in map(made_by, choices) if chain]
        return next((chain for chain in chains if chain.endswith(")")), chains[0] if chains else "")
    if isinstance(node, ast.Call) and node.args and chain_of(node.func).rpartition(".")[2] in WRAPPERS:
        return chain_of(node.args[0]) or chain_of(node)
    return chain_of(node)


def pieces_of(node: ast.expr) -> list[ast.expr]:
    """The summands of a sum, however long it is."""
    pieces: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        pieces.append(node.right)
        node = node.left
    return [node, *reversed(pieces)]


def parts_of(piece: ast.expr) -> list[str | None]:
    """The parts of a text; ``None`` for what is not known."""
    match piece:
        case ast.Constant(str(text)):
            return [text]
        case ast.JoinedStr(values):
            return [_constant(value.value if isinstance(value, ast.FormattedValue) else value) for value in values]
        case ast.BinOp(ast.Constant(str(text)), ast.Mod(), _):
            first, *others = text.split("%s")
            return [first, *(part for other in others for part in (None, other))]
        case _:
            return [None]


def _constant(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def inner_of(piece: ast.expr) -> list[ast.expr]:
    """What there is to read in a piece of a text."""
    match piece:
        case ast.JoinedStr(values):
            return [value.value for value in values if isinstance(value, ast.FormattedValue)]
        case ast.BinOp(left, _, right):
            return [left, right]
        case _:
            return [piece]


def names_type(key: ast.AST) -> bool:
    """Whether the key of a message says that its value is the type."""
    return isinstance(key, ast.Constant) and key.value in TYPE_KEYS


def is_plain(node: ast.expr | None) -> bool:
    """A text or a constant, which says by itself nothing of what it is for."""
    return isinstance(node, ast.Constant | ast.JoinedStr) or (isinstance(node, ast.Attribute) and not _rooted(node))


def _rooted(node: ast.Attribute) -> bool:
    return chain_of(node).partition(".")[0] in ("self", "cls", "")
