"""What is read of a code base, and what is said of what cannot be."""

import multiprocessing
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter.migration.audit import audit, reading
from emitter.migration.audit.facts import Module, Unread
from emitter.migration.audit.files import Source, find
from emitter.migration.audit.reading import read_all, read_text

from .code_bases import found, write

SENDS = "def tell(layer):\n    layer.group_send('g', {'type': 'agent_started'})\n"


def shown(folder: Path, *exclude: str, **options: tuple[str, ...]) -> list[str]:
    """What is found, below the folder."""
    return [Path(one.shown).relative_to(folder).as_posix() for one in find([str(folder)], exclude, **options)]


def why(text: bytes) -> str:
    read = read_text("code.py", text)
    assert isinstance(read, Unread), "It was read."
    return read.why


# Files ----------------------------------------------------------------------------------------------------------------


def test_folders_that_hold_no_own_code_are_left_out(tmp_path) -> None:
    names = [".git", ".venv", "node_modules", "app/migrations", "env/lib/site-packages", "own", "build"]
    write(tmp_path, {f"{name}/code.py": "" for name in names} | {"env/pyvenv.cfg": ""})
    assert shown(tmp_path) == ["own/code.py"]
    assert len(shown(tmp_path, left_out=())) == len(names)


def test_a_folder_that_is_given_is_read_whatever_it_is_called(tmp_path) -> None:
    write(tmp_path, {"site-packages/app/code.py": "", "site-packages/migrations/code.py": ""})
    assert shown(tmp_path / "site-packages") == ["app/code.py"]


@pytest.mark.parametrize(
    ("glob", "left"),
    [
        ("tests", ["app/code.py", "app/test_code.py"]),
        ("test_*.py", ["app/code.py", "tests/code.py"]),
        ("app/*", ["tests/code.py"]),
        ("app/", ["tests/code.py"]),
        ("*/code.py", ["app/test_code.py"]),
        ("nothing", ["app/code.py", "app/test_code.py", "tests/code.py"]),
    ],
)
def test_what_a_team_excludes(tmp_path, glob, left) -> None:
    write(tmp_path, {"app/code.py": "", "app/test_code.py": "", "tests/code.py": ""})
    assert shown(tmp_path, glob) == left


def test_links_lead_nowhere_twice(tmp_path) -> None:
    write(tmp_path, {"app/code.py": "", "app/text.txt": ""})
    (tmp_path / "app" / "again").symlink_to(tmp_path)
    (tmp_path / "app" / "same.py").symlink_to("code.py")
    (tmp_path / "app" / "self.py").symlink_to("self.py")
    os.mkfifo(tmp_path / "app" / "pipe.py")
    files = find([str(tmp_path), str(tmp_path / "app"), str(tmp_path / "app" / "code.py")])
    assert [one.shown for one in files if isinstance(one, Source)] == [f"{tmp_path}/app/code.py"]
    assert [one.path for one in files if isinstance(one, Unread)] == [f"{tmp_path}/app/self.py"] * 2


def test_a_path_that_is_not_there(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        find([str(tmp_path / "nowhere")])


# Texts ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffname = 'é'".encode(),
        "# -*- coding: latin-1 -*-\nname = 'é'".encode("latin-1"),
        "# coding: cp1251\nимя = 'agent_started'".encode("cp1251"),
        b"name = '\\d'\r\nassert (name, 1)\r\n",
        b"",
    ],
    ids=["BOM", "latin-1", "cp1251", "warnings and CRLF", "nothing"],
)
def test_encodings(text, recwarn) -> None:
    with reading.undisturbed():
        assert isinstance(read_text("code.py", text), Module)
    assert [*recwarn] == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"print 'old'", "is not Python 3: Missing parentheses.*, line 1"),
        (b"# coding: klingon\n", "is not Python 3: .*klingon"),
        ("name = 'é'".encode("latin-1"), "is not Python 3: .*utf-8"),
        ("name = 1".encode("utf-16"), "is not Python 3: "),
        (b"name = '\x00'", "is not Python 3: .*null byte"),
        (b"(" * 1_000 + b")" * 1_000, "nested"),
        (b"-" * 100_000 + b"1", "nested too deep"),
        (b"a" + b".a" * 100_000, "nested too deep"),
    ],
    ids=["Python 2", "coding", "not UTF-8", "UTF-16", "NUL", "brackets", "signs", "attributes"],
)
def test_what_cannot_be_read_says_why(text, reason) -> None:
    assert re.search(reason, why(text))


@pytest.mark.parametrize(
    "text",
    [
        "+".join(["'agent_'"] * 900),
        ".".join(["a"] * 900),
        "f" + "()" * 900,
        "[" * 90 + "'agent_started'" + "]" * 90,
        "-" * 900 + "1",
        "if a:\n    pass\n" + "elif a:\n    pass\n" * 900,
        " if a else ".join(["'agent_started'"] * 900),
    ],
    ids=["sum", "attributes", "calls", "brackets", "signs", "branches", "choices"],
)
def test_what_is_nested_as_deep_as_it_can_be_is_read(text) -> None:
    assert isinstance(read_text("emitter.py", f"# emitter\n{text}\n".encode()), Module)


def test_a_file_that_a_machine_has_made_is_not_read(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(reading, "LARGEST", 1_048_576)
    write(tmp_path, {"small.py": SENDS, "large.py": "# emitter\n" + "x = 'agent_started'\n" * 60_000})
    report = audit([str(tmp_path)])
    assert [(one.path, one.why) for one in report.unread] == [(f"{tmp_path}/large.py", "is larger than 1 MiB")]
    assert report.files == 1


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_named(text) -> None:
    with reading.undisturbed():
        assert isinstance(read_text("code.py", b"# emitter\n" + text), Module | Unread)


# Many -----------------------------------------------------------------------------------------------------------------


def test_several_processes_read_what_one_does(tmp_path, monkeypatch) -> None:
    write(tmp_path, {f"app/code{n:03}.py": SENDS + "#" * 5_000 for n in range(200)} | {"app/old.py": "print 1"})
    sources = find([str(tmp_path)])
    alone = read_all(sources)
    monkeypatch.setattr(reading, "SHARED", 0)
    assert read_all(sources) == alone


def test_whoever_interrupts_does_not_wait_for_the_rest(tmp_path, monkeypatch) -> None:
    write(tmp_path, {f"code{n:02}.py": "#" * 400_000 for n in range(20)})
    monkeypatch.setattr(reading, "SHARED", 0)
    seen: list[int] = []

    def interrupt(done: int, total: int) -> None:
        seen.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_all(find([str(tmp_path)]), progress=interrupt)
    assert len(seen) == 1
    assert multiprocessing.active_children() == []


def test_progress_is_told_to_the_end(tmp_path) -> None:
    write(tmp_path, {f"code{n:03}.py": "#" * 50_000 for n in range(20)})
    told: list[tuple[int, int]] = []
    read_all(find([str(tmp_path)]), progress=lambda done, total: told.append((done, total)))
    assert told == sorted(set(told))
    assert told[-1] == (20, 20)
    assert len(told) > 1


def test_a_code_base_of_links_between_files(tmp_path) -> None:
    chain = {f"code{n}.py": f"from code{n + 1} import push\n" for n in range(8)}
    write(tmp_path, {**chain, "code8.py": "def push(message):\n    channel_layer.group_send('g', message)\n"})
    write(tmp_path, {"first.py": "from code0 import push\ndef go():\n    push({'type': 'agent_started'})\n"})
    assert found(audit([str(tmp_path)]), "source") == {"go": ["agent_started"]}


def test_a_file_without_a_telling_word_is_read_when_events_are_handed_to_it(tmp_path) -> None:
    first = "from .relay import Relay\nrelay = Relay()\ndef go():\n    relay.take({'type': 'agent_started'})\n"
    relay = "from . import post\nclass Relay:\n    def take(self, it):\n        post.leave(it)\n"
    post = "def leave(it):\n    redis.publish('u', it)\n"
    write(tmp_path, {"app/__init__.py": "", "app/first.py": first, "app/relay.py": relay, "app/post.py": post})
    assert found(audit([str(tmp_path)]), "source") == {"go": ["agent_started"]}
