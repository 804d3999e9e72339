"""Errors as a table: every one that can be raised has a code that says what to do."""

import ast

import pytest

from emitter.errors import CODES, RECONNECT, CloseCode, EmitterError, EmitterOverloaded, EventRefused

from .processes import PROJECT

ERRORS = {"EmitterError", "EventRefused", "EmitterUnavailable", "TransactionError", "NotAllowed", "FrameError"}


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_one_word_with_a_status_and_a_meaning(code: str) -> None:
    entry = CODES[code]
    assert code.replace("_", "").islower()
    assert 400 <= entry.status < 600
    assert entry.meaning.endswith(".")


def test_what_the_caller_did_wrong_is_not_worth_a_retry() -> None:
    assert [code for code, entry in CODES.items() if entry.retry and entry.status not in (429, 503)] == []


def test_every_error_that_is_raised_is_in_the_table() -> None:
    raised = {
        node.args[0].value
        for path in [*PROJECT.glob("emitter/**/*.py"), *PROJECT.glob("netra_events/**/*.py")]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS
        if node.args and isinstance(node.args[0], ast.Constant)
    }
    assert len(raised) > 20
    assert raised <= CODES.keys()


def test_an_error_says_code_detail_and_place() -> None:
    error = EventRefused("bad_field", "thought takes str, not int.", index=3)
    assert str(error) == "bad_field: thought takes str, not int. (event 3)"
    assert (error.code, error.detail, error.index, error.status) == (
        "bad_field",
        "thought takes str, not int.",
        3,
        422,
    )


def test_overload_is_caught_as_an_emitter_error_and_may_be_tried_again() -> None:
    with pytest.raises(EmitterError) as caught:
        raise EmitterOverloaded("The queue stayed full.")
    assert caught.value.status == 503
    assert CODES[caught.value.code].retry


def test_a_client_comes_back_only_where_that_can_help() -> None:
    assert {CloseCode(code) for code in RECONNECT - {1006}} == {
        CloseCode.RESTARTING,
        CloseCode.TOO_SLOW,
        CloseCode.TOO_MANY_SESSIONS,
    }
