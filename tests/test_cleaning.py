"""What is taken out of a payload, and that nothing else is."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter import wire
from emitter.policy.cleaning import ERROR_TYPES, Cleaner, without_paths

from .test_secret_keys import PLAIN, SECRETS
from .test_secret_shapes import ORDINARY, TEXTS

PATHS = {
    'File "/home/alice/app/models.py", line 3': 'File "[PATH]/models.py", line 3',
    'File "/custom/place/f.py", line 3': 'File "[PATH]/f.py", line 3',
    "open /Users/bob/x failed": "open [PATH] failed",
    "'/Users/Bob Smith/x.py' is locked": "'[PATH]/x.py' is locked",
    "~/secret/x.py:12": "[PATH]/x.py:12",
    "file:///tmp/a/b.txt gone": "[PATH]/b.txt gone",
    r"C:\Users\bob\file.txt not found": "[PATH]/file.txt not found",
    r"C:\Program Files\Agent\run.exe": "[PATH]/run.exe",
    r"'D:\\data\\x'": "'[PATH]'",
    "C:/Users/bob/x.py": "[PATH]/x.py",
    r"at \\server\share\a\c.log": "at [PATH]/c.log",
}
pieces = st.sampled_from([*TEXTS, *PATHS, *ORDINARY.splitlines(), "'", '"', "\\", "=", ": ", "@", "--", "\n"])
pieces |= st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
texts = st.lists(pieces, max_size=4).map("".join) | st.lists(pieces, max_size=4).map(" ".join)
keys = st.sampled_from([*PLAIN.split()[:9], *SECRETS.split()[:9], "token", "key", "error", "traceback"]) | texts
values = st.recursive(
    texts | st.integers(-9, 9) | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
suspicious = st.dictionaries(keys, values, max_size=4)
types = st.sampled_from(["agent_thinking", "agent_error"])
cleaners = st.builds(Cleaner, st.none() | st.integers(0, 90), st.none() | st.integers(0, 3))


def clean(payload: dict[str, Any], event_type: str = "tool_completed", cleaner: Cleaner | None = None) -> Any:
    return msgspec.json.decode(cleaned(payload, event_type, cleaner or Cleaner())[0])


def cleaned(payload: dict[str, Any], event_type: str, cleaner: Cleaner) -> tuple[bytes, Counter[str] | None]:
    names: set[Any] = set()
    encoded = wire.encode_payload(payload, max_depth=99, keys=names)
    return cleaner.clean(event_type, names, encoded)


@given(suspicious, types, cleaners)
def test_the_sieve_lets_nothing_pass_that_the_walk_would_clean(payload, event_type, cleaner) -> None:
    read = msgspec.json.decode(msgspec.json.encode(payload))
    walked = cleaner._object(read, event_type in ERROR_TYPES, Counter())
    assert clean(payload, event_type, cleaner) == walked


@given(st.lists(st.sampled_from([*TEXTS, *PATHS]), max_size=4).map(" | ".join), types)
def test_what_is_clean_stays_as_it_is(text, event_type) -> None:
    once = clean({"error": text, "password": text, "list": [text]}, event_type)
    assert cleaned(once, event_type, Cleaner())[1] is None


words = st.text("abc XYZ019äß.,!?_-/\n", max_size=15) | st.integers() | st.none()


@given(
    st.dictionaries(
        st.sampled_from(PLAIN.split()), words | st.lists(words) | st.dictionaries(st.sampled_from(PLAIN.split()), words)
    )
)
def test_ordinary_payloads_keep_their_very_bytes(payload) -> None:
    assert cleaned(payload, "tool_completed", Cleaner()) == (msgspec.json.encode(payload), None)


@given(st.sampled_from(list(TEXTS.items())), st.lists(st.sampled_from(["a", "list"]), max_size=5), types)
def test_no_depth_hides_a_secret(planted, way, event_type) -> None:
    text, secret = planted
    value: Any = text
    for step in way:
        value = [1, value] if step == "list" else {step: value}
    assert secret.encode() not in cleaned({"result": value}, event_type, Cleaner())[0]


@pytest.mark.parametrize("key", SECRETS.split())
def test_a_secret_is_known_by_its_key_in_objects_and_lists(key) -> None:
    told = clean({"a": [{key: "hunter2"}, {key: 42}, {key: ["x", {"y": "z"}]}]})
    assert told == {"a": [{key: "[REDACTED]"}] * 3}


@pytest.mark.parametrize("value", [None, True, "", [], {}])
def test_what_can_be_no_secret_stays_under_its_key(value) -> None:
    assert clean({"password": value}) == {"password": value}


@pytest.mark.parametrize("key", PLAIN.split())
def test_a_key_that_only_sounds_like_a_secret_keeps_its_value(key) -> None:
    assert clean({"a": [{key: "seven"}], key: 7}) == {"a": [{key: "seven"}], key: 7}


def test_a_token_that_is_a_number_is_a_count() -> None:
    assert clean({"token": 7, "tokens": ["The", "end"], "key": "region"})["token"] == 7


def test_keys_of_a_team() -> None:
    told = clean(
        {"ssn": 1, "Case-Number": "7", "token": "Hello"}, cleaner=Cleaner(None, None, ["ssn", "case_number"], ["token"])
    )
    assert told == {"ssn": "[REDACTED]", "Case-Number": "[REDACTED]", "token": "Hello"}


@pytest.mark.parametrize(("text", "told"), PATHS.items(), ids=range(len(PATHS)))
def test_a_text_of_an_error_tells_no_local_path(text, told) -> None:
    assert without_paths(text, Counter()) == told
    assert clean({"error": text, "other": text})["error"] == told
    assert clean({"error_message": text}, "agent_error") == {"error_message": told}


@pytest.mark.parametrize("text", ["GET /api/events/ 404", "https://h/home/x", "and/or", "about ~ 5", r"a\nb\nc", "1/2"])
def test_what_is_no_local_path_stays_in_an_error(text) -> None:
    assert without_paths(text, Counter()) == text


def test_a_path_elsewhere_is_the_users_own_business() -> None:
    assert clean({"thought": "I open /home/alice/x.py"}) == {"thought": "I open /home/alice/x.py"}


@given(st.text(max_size=200), st.integers(40, 100))
def test_a_long_text_is_cut_to_its_limit_with_a_mark(text, limit) -> None:
    told = Cleaner(string_chars=limit).text(text)
    kept, mark, _ = told.partition("… [")
    assert len(told) <= limit
    assert told == text or (mark and text.startswith(kept))


def test_the_marks_say_how_much_is_gone() -> None:
    told = clean({"text": "x" * 1_000, "list": list(range(100))}, cleaner=Cleaner(50, 3))
    assert told == {"text": "xxxxxxxxxx… [990 more characters]", "list": [0, 1, "… [98 more items]"]}


def test_a_secret_at_the_cut_is_found_before_the_cut() -> None:
    told = clean({"text": "x " * 30 + "ghp_0123456789abcdefghij0123456789abcdef"}, cleaner=Cleaner(90))
    assert "ghp_" not in told["text"]


def test_what_was_cleaned_is_counted_by_kind() -> None:
    payload = {"password": "a", "text": "b=c password=d", "error": "/tmp/x", "long": "x" * 99, "list": [1, 2, 3, 4]}
    counted = cleaned(payload, "tool_completed", Cleaner(50, 3))[1]
    assert counted == {"key": 1, "named": 1, "path": 1, "string": 1, "list": 1}
