"""One way out, held over the syntax trees: who writes the tables, who rings, who calls those two."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TABLES = frozenset({"Stream", "Run", "Event", "EventUsage", "RunUsage"})
WRITES = {"save", "delete", "update", "create", "bulk_create", "bulk_update", "get_or_create", "update_or_create"}
WRITES |= {f"a{name}" for name in WRITES}
SENDS = {"group_send", "group_send_many", "group_add", "group_discard", "new_channel", "get_channel_layer"}


def sources() -> list[Path]:
    return sorted([*ROOT.glob("emitter/**/*.py"), *ROOT.glob("netra_events/**/*.py")])


def room(path: Path) -> str:
    """`emitter/log`, `emitter/consumers.py` and the like."""
    return "/".join(path.relative_to(ROOT).parts[:2])


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def breaches(wanted: set[str], allowed: set[str], about: frozenset[str] = frozenset()) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{call.lineno} {name_of(call)}"
        for path in sources()
        if room(path) not in allowed and "migrations" not in path.parts
        for call in calls(path)
        if name_of(call) in wanted and (not about or about & {n.id for n in ast.walk(call) if isinstance(n, ast.Name)})
    ]


def imports(path: Path) -> set[str]:
    """What a file takes from elsewhere, as `emitter.models.Run`."""
    return {
        f"{node.module}.{name.name}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }


def tables_by_name() -> set[str]:
    """The tables, from the package or from a module of it."""
    modules = ["emitter.models", *(f"emitter.models.{path.stem}" for path in ROOT.glob("emitter/models/*.py"))]
    return {f"{module}.{table}" for module in modules for table in TABLES}


def test_every_line_of_the_log_begins_with_a_code() -> None:
    lines = [
        ast.unparse(call.args[0])
        for path in ROOT.glob("emitter/**/*.py")
        for call in calls(path)
        if ast.unparse(call.func) in {f"logger.{level}" for level in ("info", "warning", "error", "exception")}
    ]
    assert lines
    assert [line for line in lines if not re.match(r"f?['\"](%s|[a-z_]+): ", line)] == []


def test_only_the_log_writes_streams_runs_and_events() -> None:
    assert breaches(WRITES, {"emitter/log"}, TABLES) == []


def test_who_knows_these_tables_writes_no_row_by_any_name() -> None:
    rooms = {"emitter/log", "emitter/models"}
    strangers = [path for path in sources() if room(path) not in rooms and imports(path) & tables_by_name()]
    assert strangers
    assert [f"{path}:{call.lineno}" for path in strangers for call in calls(path) if name_of(call) in WRITES] == []


def test_only_the_log_has_statements_that_write_them() -> None:
    texts = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources()
        if room(path) != "emitter/log" and "migrations" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and any(word in node.value for word in ("INSERT INTO emitter_", "UPDATE emitter_", "DELETE FROM emitter_"))
    ]
    assert texts == []


def test_only_the_bell_touches_the_channel_layer() -> None:
    assert breaches(SENDS, {"emitter/bell"}) == []


def test_only_the_service_appends_and_rings() -> None:
    assert breaches({"append_here", "ring"}, {"emitter/service", "emitter/log", "emitter/bell"}) == []
    doors = {"emitter.log.append", "emitter.log.append.append", "emitter.log.append.append_here", "emitter.bell.ring"}
    takers = {room(path) for path in sources() if imports(path) & doors}
    assert takers <= {"emitter/log", "emitter/bell", "emitter/service"}
    appends = [
        f"{path.relative_to(ROOT)}"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr == "append"
        and getattr(node.value, "id", "") == "log"
        and room(path) != "emitter/service"
    ]
    assert appends == []


def test_the_check_sees_a_breach(tmp_path, monkeypatch) -> None:
    (tmp_path / "emitter").mkdir()
    (tmp_path / "emitter" / "rogue.py").write_text("Event.objects.filter(seq=1).delete()\nlayer.group_send('g', {})\n")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert breaches(WRITES, {"emitter/log"}, TABLES) == ["emitter/rogue.py:1 delete"]
    assert breaches(SENDS, {"emitter/bell"}) == ["emitter/rogue.py:2 group_send"]


@pytest.mark.parametrize("module", ["errors", "events", "context", "wire", "cursor"])
def test_the_words_know_no_framework(module) -> None:
    script = f"import sys; sys.modules['django'] = sys.modules['channels'] = None; import emitter.{module}"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)
