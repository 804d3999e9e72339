"""SECURITY.md cannot rot: every threat names a test, and that test is there."""

import ast
import re

import pytest

from .processes import PROJECT

TEXT = (PROJECT / "SECURITY.md").read_text()
THREATS = re.split(r"\n## ", TEXT)[2].split("| --- | --- | --- |\n")[1].strip().splitlines()


def test_every_threat_has_its_line() -> None:
    assert len(THREATS) > 30
    assert all(line.count(" | ") == 2 and line.endswith("` |") for line in THREATS)


@pytest.mark.parametrize("shown_by", re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", TEXT))
def test_a_test_that_is_named_is_there(shown_by) -> None:
    path, _, name = shown_by.partition("::")
    tree = ast.parse((PROJECT / path).read_text())
    there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert not name or name in there, f"SECURITY.md names {shown_by}, which is not there"


def test_every_attack_stands_in_the_document() -> None:
    named = set(re.findall(r"tests/attacks/(\w+)\.py", TEXT))
    assert {path.stem for path in (PROJECT / "tests" / "attacks").glob("test_*.py")} == named
