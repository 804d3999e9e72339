"""Ids that nobody filled in, and ids that are names of the system."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter.context import RunContext
from emitter.errors import EventRefused
from emitter.policy.contexts import PLACEHOLDERS, PREFIXES, check, is_placeholder, is_system_run, is_system_thread


@given(st.sampled_from(sorted(PLACEHOLDERS)), st.booleans())
def test_a_placeholder_is_one_in_any_case(word, loud) -> None:
    assert is_placeholder(word.upper() if loud else word)


@given(st.sampled_from([*PREFIXES, "test_"]), st.text("abc123_", max_size=25))
def test_what_begins_like_one_is_one_while_it_is_short(prefix, rest) -> None:
    assert is_placeholder(prefix + rest) is (len(prefix + rest) < 20)


def test_where_tests_run_ids_may_begin_with_test() -> None:
    assert is_placeholder("test_7")
    assert not is_placeholder("test_7", testing=True)
    assert is_placeholder("temp_7", testing=True)


@pytest.mark.parametrize("value", ["latest-report", "contest_7", "run-19", "42", "tests", "demonstration", "nonesuch"])
def test_a_real_id_is_no_placeholder_and_no_name_of_the_system(value) -> None:
    assert not any(suspects(value) for suspects in (is_placeholder, is_system_run, is_system_thread))


@pytest.mark.parametrize("value", ["system", "sys_1", "my-test-run", "ADMIN_7", "run_dev", "global-42", "x", ""])
def test_a_run_named_after_the_system(value) -> None:
    assert is_system_run(value)


@pytest.mark.parametrize("value", ["unknown", "thread-invalid", "no_thread", "Done-7", "ab"])
def test_a_thread_named_after_the_system(value) -> None:
    assert is_system_thread(value)


@pytest.mark.parametrize(
    ("run", "thread", "flags"),
    [
        ("run-19", "thread-7", ()),
        ("run-19", None, ()),
        ("placeholder", None, ("placeholder_id",)),
        ("run-19", "temp_1", ("placeholder_id",)),
        ("admin-1", "undefined", ("system_id", "placeholder_id")),
    ],
)
def test_a_context_is_flagged_for_each_kind_once(run, thread, flags) -> None:
    assert check(RunContext("1", thread, run), "flag") == flags
    assert check(RunContext("1", thread, run), "allow") == ()


def test_it_is_refused_where_that_is_wanted() -> None:
    with pytest.raises(EventRefused) as caught:
        check(RunContext("42", "thread-7", "temp_1"), "refuse")
    assert caught.value.code == "placeholder_id"
    assert "'temp_1'" in caught.value.detail
