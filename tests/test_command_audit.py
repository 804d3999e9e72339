"""`manage.py audit_emitters` as a team and its CI call it."""

import json
import os
import pty
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from emitter.events import CRITICAL

from .code_bases import LAYOUTS, write
from .commands import beside, told
from .processes import PROJECT

BEFORE, AFTER = str(LAYOUTS / "before"), str(LAYOUTS / "after")
SENDS = "def {}(layer):\n    layer.group_send('g', {{'type': 'agent_started'}})\n"


def heard(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What it prints when it complains."""
    with pytest.raises(CommandError):
        call_command("audit_emitters", *arguments)
    return capsys.readouterr().out


# For CI ---------------------------------------------------------------------------------------------------------------


def test_three_sources_end_with_code_1() -> None:
    command = [sys.executable, "manage.py", "audit_emitters", BEFORE, "--format", "json"]
    ended = subprocess.run(command, cwd=PROJECT, env=beside({}), capture_output=True, text=True)
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["summary"] == dict.fromkeys(CRITICAL, 3)
    assert "3 sources for agent_started" in ended.stderr


@pytest.mark.parametrize("paths", [[AFTER], [f"{PROJECT}/emitter", f"{PROJECT}/netra_events"]], ids=["after", "ours"])
def test_one_source_is_enough(paths) -> None:
    text = told("audit_emitters", *paths)
    assert text.splitlines()[-1].endswith(f"Sources: {', '.join(f'1 for {event}' for event in CRITICAL)}.")


def test_the_form_of_the_json(capsys) -> None:
    sources = json.loads(heard(BEFORE, "--format", "json", capsys=capsys))["sources"]
    (bridge,) = [one for one in sources if one["symbol"] == "AgentWebSocketBridge.notify_tool_executing"]
    assert bridge | {"to": "", "also": []} == {
        "path": f"{BEFORE}/app/services/agent_websocket_bridge.py",
        "line": bridge["line"],
        "symbol": "AgentWebSocketBridge.notify_tool_executing",
        "events": ["tool_executing"],
        "verdict": "source",
        "to": "",
        "also": [],
    }
    assert {one["verdict"] for one in sources} == {"source", "delegates", "transport"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere"], "There is no nowhere"),
        ([AFTER, "--baseline", "nowhere.json"], "--write-baseline makes one"),
        ([AFTER, "--baseline", "pyproject.toml"], "pyproject.toml is no baseline"),
        ([AFTER, "--write-baseline", "nowhere/it.json"], "cannot be written"),
    ],
)
def test_a_wrong_option_ends_with_code_2(arguments, complaint) -> None:
    with pytest.raises(CommandError, match=complaint) as ended:
        told("audit_emitters", *arguments)
    assert ended.value.returncode == 2


# A baseline -----------------------------------------------------------------------------------------------------------


def test_a_team_ratchets_down(tmp_path) -> None:
    write(tmp_path, {"app.py": SENDS.format("one") + SENDS.format("two")})
    known = f"{tmp_path}/known.json"
    assert told("audit_emitters", str(tmp_path), "--write-baseline", known)
    assert "1 source of the baseline" not in told("audit_emitters", str(tmp_path), "--baseline", known)

    write(tmp_path, {"app.py": SENDS.format("one") + SENDS.format("three")})
    with pytest.raises(CommandError, match="1 new"):
        told("audit_emitters", str(tmp_path), "--baseline", known)

    write(tmp_path, {"app.py": SENDS.format("one")})
    assert "  app.py  two  agent_started" in told("audit_emitters", str(tmp_path), "--baseline", known)


def test_a_baseline_in_json(tmp_path, capsys) -> None:
    write(tmp_path, {"app.py": SENDS.format("one") + SENDS.format("two")})
    write(tmp_path, {"known.json": '{"sources": [{"event": "agent_started", "path": "app.py", "owner": "zero"}]}'})
    report = json.loads(heard(str(tmp_path), "--format", "json", "--baseline", f"{tmp_path}/known.json", capsys=capsys))
    assert [one["symbol"] for one in report["new"]] == ["one", "two"]
    assert report["gone"] == [{"event": "agent_started", "path": "app.py", "owner": "zero"}]


# For people -----------------------------------------------------------------------------------------------------------


def test_the_text_groups_by_event_and_says_what_to_do(capsys) -> None:
    text = heard(BEFORE, capsys=capsys)
    _, thinking, *_ = text.split("\n\n")
    assert thinking.startswith("3 sources for agent_thinking:\n")
    assert f"{BEFORE}/app/services/agent_websocket_bridge.py:" in thinking
    assert "Keep one of AgentWebSocketBridge, TransparentWebSocketEmitter and UnifiedWebSocketEmitter;" in thinking
    assert "  BaseAgent.emit_thinking -> WebSocketBridgeAdapter.emit_thinking" in thinking


def test_other_methods_of_a_source_are_named(capsys) -> None:
    assert "(also UnifiedWebSocketEmitter.notify_agent_started:" in heard(BEFORE, capsys=capsys)


def test_a_long_list_is_cut_off_unless_all_is_asked_for(tmp_path) -> None:
    calls = "".join(
        f"class Agent{n:02}:\n    def go(self):\n        self.b.notify_agent_started()\n" for n in range(12)
    )
    write(tmp_path, {"app.py": calls})
    assert "and 2 more; -v 2 lists them." in told("audit_emitters", str(tmp_path))
    assert "Agent11.go" in told("audit_emitters", str(tmp_path), "-v2")


def test_files_that_were_not_read_are_named_and_counted(tmp_path) -> None:
    write(tmp_path, {"old.py": "print 1\n", "new.py": ""})
    text = told("audit_emitters", str(tmp_path))
    assert "1 file not read, so nothing is said of it:" in text
    assert f"  {tmp_path}/old.py is not Python 3: " in text
    assert "1 file read." in text


def test_tests_are_read_unless_they_are_excluded(tmp_path) -> None:
    write(tmp_path, {"tests/test_app.py": SENDS.format("one"), "migrations/app.py": SENDS.format("two")})
    assert "1 file read." in told("audit_emitters", str(tmp_path))
    assert "0 files read." in told("audit_emitters", str(tmp_path), "--exclude", "tests")
    with pytest.raises(CommandError, match="2 sources"):
        told("audit_emitters", str(tmp_path), "--all-folders")


def test_who_reads_may_leave(tmp_path) -> None:
    command = f"{sys.executable} manage.py audit_emitters {BEFORE} | head -1"
    ended = subprocess.run(command, shell=True, cwd=PROJECT, env=beside({}), capture_output=True, text=True)
    assert ended.stdout == "3 sources for agent_started:\n"
    assert "BrokenPipe" not in ended.stderr


@pytest.mark.parametrize("is_terminal", [True, False])
def test_colours_and_progress_on_a_terminal_only(is_terminal) -> None:
    ours, theirs = pty.openpty() if is_terminal else os.pipe()
    command = [sys.executable, "manage.py", "audit_emitters", AFTER]
    with subprocess.Popen(command, cwd=PROJECT, env=beside({"TERM": "xterm"}), stdout=theirs, stderr=theirs):
        os.close(theirs)
        said = b"".join(iter(lambda: _piece(ours), b""))
    os.close(ours)
    assert (b"\x1b[" in said) is is_terminal
    assert ("█ 9 of 9 files".encode() in said) is is_terminal


def _piece(end: int) -> bytes:
    """What comes next; nothing at the end, which a terminal says by an error."""
    try:
        return os.read(end, 65_536)
    except OSError:
        return b""
