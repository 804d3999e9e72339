"""Arithmetic as people type it, computed exactly. No I/O and no ``eval``.

Numbers are fractions, so 0.1 + 0.2 is 0.3; what cannot be written out, such as a third or the root of two, is shown
rounded behind ``≈``. Operators bind as in Python. ``%`` before a number or a bracket is the remainder, anywhere else
it makes hundredths: ``10 % 4`` is 2, and ``12.5 % of 480`` is 60.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, NamedTuple

from .expression import Token, tokens
from .outcome import Outcome, ToolError

#: Longest expression, in characters, and deepest nesting of its brackets, signs and powers.
LENGTH, DEPTH = 300, 40
#: Most digits of an intermediate result, above or below its fraction line.
DIGITS = 500
#: Significant digits up to which a result is written out, and those of one that is rounded.
WRITTEN, ROUNDED = 30, 12
#: Digits to which a root is worked out, and the highest root that is tried for an exact one.
ROOT_DIGITS, EXACT_ROOT = 50, 10

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "of": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "mod": operator.mod,
}


class Value(NamedTuple):
    """A number, and whether it is the very one or a root that was rounded far behind the point."""

    number: Fraction
    exact: bool


def calculate(expression: str) -> Outcome:
    """The value of an expression as a text. Raises :class:`ToolError`, which says what is wrong with it."""
    shown = written(evaluate(expression))
    asked = " ".join(expression.split())
    return Outcome(shown, f"{asked} {shown}." if shown.startswith("≈") else f"{asked} = {shown}.")


def evaluate(expression: str) -> Value:
    """The value of an expression. Raises :class:`ToolError`."""
    if len(expression) > LENGTH:
        raise ToolError("too_long", f"I calculate with up to {LENGTH} characters, and this has {len(expression):,}.")
    return _Reader(tokens(expression)).read()


def written(value: Value) -> str:
    """A number as people write it: in full if it is exact and short enough, else rounded behind ``≈``."""
    number = value.number
    if value.exact and number.denominator == 1:
        return str(number.numerator)
    in_full = _decimal(number, WRITTEN)
    if value.exact and Fraction(in_full) == number:
        return _plain(in_full)
    return f"≈ {_plain(_decimal(number, ROUNDED))}"


class _Reader:
    """Reads tokens from left to right, with one method for each strength of binding, the weakest first."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = [*tokens, Token("end", ""), Token("end", "")]
        self._at = 0
        self._depth = 0
        self._exact = True

    def read(self) -> Value:
        number = self._sum()
        if self._tokens[self._at].kind != "end":
            raise self._unreadable("an operator")
        return Value(number, self._exact)

    def _sum(self) -> Fraction:
        number = self._product()
        while sign := self._take("+", "-"):
            number = _apply(sign, number, self._product())
        return number

    def _product(self) -> Fraction:
        number = self._signed()
        while sign := self._take("*", "/", "//", "%", "mod") or self._take_of():
            number = _apply(sign, number, self._signed())
        return number

    def _signed(self) -> Fraction:
        self._depth += 1
        if self._depth > DEPTH:
            raise ToolError("too_deep", f"I follow brackets, signs and powers {DEPTH} deep: ask for a part of this.")
        sign = self._take("+", "-")
        number = self._signed() if sign else self._power()
        self._depth -= 1
        return -number if sign == "-" else number

    def _power(self) -> Fraction:
        base = self._with_endings()
        return self._raised(base, self._signed()) if self._take("**") else base

    def _with_endings(self) -> Fraction:
        number = self._single()
        while sign := self._take("²", "³") or self._take_percent():
            number = number / 100 if sign == "%" else self._raised(number, Fraction(2 if sign == "²" else 3))
        return _bounded(number)

    def _single(self) -> Fraction:
        if self._take("("):
            number = self._sum()
            if not self._take(")"):
                raise self._unreadable("an operator or a closing bracket")
            return number
        token = self._tokens[self._at]
        if token.kind != "number":
            raise self._unreadable("a number")
        self._at += 1
        return Fraction(token.text)

    def _take(self, *signs: str) -> str:
        """The next token if it is one of these operators, else nothing."""
        text = self._tokens[self._at].text
        if text not in signs:
            return ""
        self._at += 1
        return text

    def _take_percent(self) -> str:
        following = self._tokens[self._at + 1]
        return "" if following.kind == "number" or following.text == "(" else self._take("%")

    def _take_of(self) -> str:
        return self._take("of") if self._tokens[self._at - 1].text == "%" else ""

    def _raised(self, base: Fraction, exponent: Fraction) -> Fraction:
        power, exact = _power(base, exponent)
        self._exact = self._exact and exact
        return power

    def _unreadable(self, wanted: str) -> ToolError:
        token = self._tokens[self._at]
        if token.kind == "end":
            return ToolError("unreadable", f"The expression ends where {wanted} should follow.")
        if token.text == ",":
            return ToolError("unreadable", "I cannot place a comma: write decimals as 1.5 and thousands as 1,200.")
        if token.kind == "unknown":
            return ToolError(
                "unreadable", f"I cannot calculate with “{token.text[:40]}”: use numbers and + - * / % **."
            )
        return ToolError("unreadable", f"I expected {wanted} where “{token.text[:40]}” stands.")


def _apply(sign: str, left: Fraction, right: Fraction) -> Fraction:
    try:
        return _bounded(Fraction(OPERATIONS[sign](left, right)))
    except ZeroDivisionError:
        raise ToolError("division_by_zero", "Nothing can be divided by zero.") from None


def _power(base: Fraction, exponent: Fraction) -> Value:
    """``base ** exponent``: exact for a whole exponent and for a root that comes out even."""
    digits = math.log10(max(abs(base.numerator), base.denominator))
    if abs(exponent) * Fraction(digits) > DIGITS:
        raise _too_large()
    if base == 0 and exponent < 0:
        raise ToolError("division_by_zero", "Zero has no negative power: that would divide by zero.")
    if exponent.denominator == 1:
        return Value(_bounded(Fraction(base**exponent.numerator)), True)
    if base < 0:
        raise ToolError("not_real", "A negative number has only whole powers among the real numbers.")
    with localcontext(prec=ROOT_DIGITS):
        power = Fraction(_decimal(base, ROOT_DIGITS) ** _decimal(exponent, ROOT_DIGITS))
    root = exponent.denominator
    even = root <= EXACT_ROOT and power**root == base**exponent.numerator
    return Value(_bounded(power), even)


def _bounded(number: Fraction) -> Fraction:
    if max(abs(number.numerator), number.denominator) >= 10**DIGITS:
        raise _too_large()
    return number


def _too_large() -> ToolError:
    return ToolError("too_large", f"This needs a number of more than {DIGITS} digits, which I do not go into.")


def _decimal(number: Fraction, digits: int) -> Decimal:
    with localcontext(prec=digits):
        return Decimal(number.numerator) / Decimal(number.denominator)


def _plain(number: Decimal) -> str:
    """Without an exponent where that can be read, without zeros at the end."""
    with localcontext(prec=WRITTEN):
        short = number.normalize()
    return f"{short:f}" if -8 < short.adjusted() < WRITTEN else str(short)
