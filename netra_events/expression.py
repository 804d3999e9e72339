"""An expression in its parts: numbers and operators, as people type them."""

from __future__ import annotations

import re
from typing import NamedTuple

#: What is typed for an operator, and the operator. Words stand alone, signs need no space.
SIGNS = {
    **{sign: sign for sign in ("**", "//", "+", "-", "*", "/", "%", "²", "³", "(", ")")},
    "×": "*",
    "·": "*",
    "÷": "/",
    "−": "-",
    "–": "-",
    "^": "**",
}
WORDS = {
    "plus": "+",
    "minus": "-",
    "times": "*",
    "x": "*",
    "multiplied by": "*",
    "divided by": "/",
    "over": "/",
    "modulo": "mod",
    "mod": "mod",
    "percent": "%",
    "per cent": "%",
    "of": "of",
    "to the power of": "**",
    "squared": "²",
    "cubed": "³",
}
_GROUPED = r"[0-9]{1,3}(?:[,_'’\u00a0\u202f][0-9]{3})+(?![0-9])(?:\.[0-9]+)?"
_PLAIN = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]{1,3}\b)?"
_WORD = "|".join(WORDS).replace(" ", r"\s+")
_SIGN = "|".join(map(re.escape, SIGNS))
_TOKEN = re.compile(
    rf"(?P<number>{_GROUPED}|{_PLAIN})|(?P<word>\b(?:{_WORD})\b)|(?P<sign>{_SIGN})|(?P<unknown>[^\W\d_]+|\S)", re.I
)


class Token(NamedTuple):
    """A part of an expression: a ``number``, an ``operator``, something ``unknown``, or the ``end``."""

    kind: str
    text: str


def is_arithmetic(text: str) -> bool:
    """Whether ``text`` is made of numbers and operators alone, one of each at least. It may still be wrong."""
    kinds = {token.kind for token in tokens(text) if token.text not in ("(", ")")}
    return kinds == {"number", "operator"}


def tokens(text: str) -> list[Token]:
    """The parts of an expression, in order; operators by their sign, whatever the word for them."""
    return [_token(match) for match in _TOKEN.finditer(text)]


def _token(match: re.Match[str]) -> Token:
    kind, text = match.lastgroup or "unknown", match.group()
    if kind == "number":
        return Token(kind, re.sub(r"[^0-9.eE+-]", "", text))
    if kind == "unknown":
        return Token(kind, text)
    return Token("operator", SIGNS.get(text) or WORDS[" ".join(text.lower().split())])
