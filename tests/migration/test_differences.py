"""Stored differences: both sides readable, without secrets, and never more than a team wants."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from emitter.migration import differences
from emitter.migration.compare import Difference
from emitter.migration.differences import SIDE, Found, cleaned, store
from emitter.models import ShadowDifference

from ..test_payloads import payloads

pytestmark = pytest.mark.django_db


def found(old: Any = None, new: Any = None, adapter: str = "base_agent", what: str = "thought") -> Found:
    return Found(adapter, "emit_thinking", [Difference("field", what), Difference("user")], "42", "run-19", old, new)


def test_both_sides_are_kept_with_what_differs(db: None) -> None:
    store([found([{"a": 1}], {"a": 2})])
    row = ShadowDifference.objects.get()
    assert (row.kind, row.what, row.old, row.new) == ("field", "field thought, user", '[{"a":1}]', '{"a":2}')
    assert (row.stream, row.run, row.method) == ("42", "run-19", "emit_thinking")


def test_the_oldest_of_each_adapter_make_room(db: None, configure: Any) -> None:
    configure(SHADOW_DIFFERENCES=3)
    store([found(adapter="unified_emitter")])
    store([found(what=str(number)) for number in range(4)])
    store([found(what="last")])
    rows = ShadowDifference.objects.filter(adapter="base_agent").order_by("id")
    assert [row.what for row in rows] == ["field 2, user", "field 3, user", "field last, user"]
    assert ShadowDifference.objects.filter(adapter="unified_emitter").count() == 1


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ({"password": "p", "api_key": "k", "X-Api-Key": "k"}, "[REDACTED]"),
        ({"nested": [{"access_token": {"a": 1}}]}, None),
        ("Authorization: Bearer abcdefgh12345678", None),
        ("postgres://me:secret@host/db", None),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.abc", None),
    ],
)
def test_secrets_are_not_kept(value: Any, clean: Any) -> None:
    text = str(cleaned(value))
    assert "[REDACTED]" in text
    assert not [secret for secret in ("'p'", "'k'", "{'a'", "abcdefgh", "secret", "eyJ") if secret in text]


@given(payloads)
def test_what_is_no_secret_stays(payload: dict[str, Any]) -> None:
    assert cleaned({"input_tokens": 812, "monkey": 1, "author": "me", **payload}).keys() >= payload.keys()
    assert cleaned({"input_tokens": 812, "author": "me"}) == {"input_tokens": 812, "author": "me"}


@pytest.mark.parametrize("text", ["nul \x00", "\ud800", "x" * 2 * SIDE, "line \u2028"])
def test_any_text_can_be_kept(text: str, db: None) -> None:
    store([Found("base_agent", text, [Difference("field", text)], text, text, [text], {"a": text})])
    row = ShadowDifference.objects.get()
    assert len(row.old) <= SIDE + 50


@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_a_side_is_json(value: Any) -> None:
    text = differences._side(value)
    assert len(text) > SIDE or msgspec.json.decode(text) is not ...


def test_old_ones_and_those_of_a_user_can_be_deleted(db: None) -> None:
    store([found()])
    assert differences.prune(timezone.now() - timedelta(days=1)) == 0
    assert (differences.erase("7"), differences.erase("42")) == (0, 1)
    store([found()])
    assert differences.prune(timezone.now() + timedelta(seconds=1)) == 1
