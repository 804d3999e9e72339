"""Exact arithmetic on what people type."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_events.calculator import calculate, evaluate
from netra_events.outcome import ToolError

CODES = {"too_long", "too_deep", "too_large", "division_by_zero", "not_real", "unreadable"}

decimals = st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,3})?", fullmatch=True)
powers = st.builds("{} ** {}".format, decimals, st.integers(0, 4))
operands = decimals | powers | decimals.map("(-{})".format) | decimals.map("-{}".format)
operators = st.sampled_from(["+", "-", "*", "/", "//"])
sums = st.recursive(
    operands,
    lambda part: st.builds("{} {} {}".format, part, operators, part) | part.map("({})".format),
    max_leaves=6,
)


def by_python(expression: str) -> Fraction:
    """What Python's own grammar makes of it, with each number as a fraction."""
    return Fraction(eval(re.sub(r"[0-9.]+", r"F('\g<0>')", expression), {"F": Fraction}))


def outcome(expression: str) -> str:
    """The code of the error, or nothing when there is none."""
    try:
        calculate(expression)
    except ToolError as error:
        return error.code
    return ""


@given(sums)
def test_agrees_with_pythons_fractions(expression: str) -> None:
    try:
        expected = by_python(expression)
    except ZeroDivisionError:
        with pytest.raises(ToolError, match="division_by_zero"):
            evaluate(expression)
    else:
        assert evaluate(expression) == (expected, True)


@given(left=st.integers(-999, 999), right=st.integers(1, 999))
def test_the_remainder_is_pythons(left: int, right: int) -> None:
    assert evaluate(f"({left}) % {right}").number == left % right
    assert evaluate(f"({left}) mod (-{right})").number == left % -right


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_a_short_decimal_is_written_in_full(number: object) -> None:
    shown = calculate(f"{number:f} + 0").result
    assert Fraction(shown) == Fraction(str(number))
    assert "E" not in shown


@given(st.text(max_size=400) | st.text("0123456789+-*/%()., ²^e×of", max_size=400))
def test_any_text_has_a_value_or_a_named_error(text: str) -> None:
    assert outcome(text) in CODES or calculate(text).result


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("12.5 % of 480", "60"),
        ("12.5 percent of 480", "60"),
        ("20 % of 50 % of 80", "8"),
        ("10 % 4", "2"),
        ("100 + 10 %", "100.1"),
        ("0.1 + 0.2", "0.3"),
        ("3 plus 4 × (2 − 1)", "7"),
        ("100 divided by 8", "12.5"),
        ("7 ÷ 2", "3.5"),
        ("3 x 4", "12"),
        ("1,200 × 3", "3600"),
        ("1\u202f200.5 * 2", "2401"),
        ("2 ^ 10", "1024"),
        ("2 ** 3 ** 2", "512"),
        ("-2²", "-4"),
        ("2 ** -1", "0.5"),
        ("9 ** 0.5", "3"),
        ("2 ** 0.5", "≈ 1.41421356237"),
        ("2 ** 0.5 * 10 ** 60", "≈ 1.41421356237E+60"),
        ("4096 ** (1/12)", "≈ 2"),
        ("1,200 / 7", "≈ 171.428571429"),
        ("2 ** 100", "1267650600228229401496703205376"),
    ],
)
def test_reads_what_people_type(expression: str, shown: str) -> None:
    assert calculate(expression).result == shown


@pytest.mark.parametrize(
    ("expression", "code", "told"),
    [
        ("1 / 0", "division_by_zero", "divided by zero"),
        ("0 ** -1", "division_by_zero", "divide by zero"),
        ("9 ** 9 ** 9", "too_large", "500 digits"),
        ("1e999 * 1", "too_large", "500 digits"),
        ("(-8) ** 0.5", "not_real", "real numbers"),
        ("(" * 50 + "1" + ")" * 50, "too_deep", "40 deep"),
        ("1" + "+1" * 200, "too_long", "401"),
        ("1 +", "unreadable", "ends where a number should follow"),
        ("(2 + 3", "unreadable", "closing bracket"),
        ("2 3", "unreadable", "“3”"),
        ("2 of 3", "unreadable", "“of”"),
        ("1,20 + 3", "unreadable", "thousands as 1,200"),
        ("__import__('os')", "unreadable", "use numbers and"),
    ],
)
def test_says_what_is_wrong(expression: str, code: str, told: str) -> None:
    with pytest.raises(ToolError) as caught:
        calculate(expression)
    assert caught.value.code == code
    assert told in caught.value.detail
