"""What a team knows of already."""

import pytest

from emitter.migration.audit import BrokenBaseline, audit, baseline, compare

from .code_bases import write

SENDS = "class {}:\n    def tell(self, layer):\n        layer.group_send('g', {{'type': '{}'}})\n"


@pytest.fixture
def folder(tmp_path):
    """Two sources of one event, and one of another."""
    return write(
        tmp_path,
        {
            "app/one.py": SENDS.format("One", "agent_started"),
            "app/two.py": SENDS.format("Two", "agent_started"),
            "app/end.py": SENDS.format("End", "agent_completed"),
        },
    )


@pytest.fixture
def known(folder):
    return baseline.load(baseline.dump(audit([str(folder)]), folder))


def test_what_is_known_is_not_new(folder, known) -> None:
    comparison = compare(audit([str(folder)]), known, folder)
    assert (comparison.new, comparison.gone) == ([], [])


def test_a_baseline_holds_where_it_is_read_from(folder, known, monkeypatch) -> None:
    monkeypatch.chdir(folder / "app")
    assert compare(audit(["."]), known, folder).new == []


def test_it_does_not_count_lines(folder, known) -> None:
    path = folder / "app" / "one.py"
    path.write_text("\n\n" + path.read_text())
    assert compare(audit([str(folder)]), known, folder).new == []


def test_another_source_of_an_event_is_new(folder, known) -> None:
    write(folder, {"app/three.py": SENDS.format("Three", "agent_started")})
    ((event, source),) = compare(audit([str(folder)]), known, folder).new
    assert (event, source.symbol) == ("agent_started", "Three.tell")


def test_the_only_source_of_an_event_may_move(folder, known) -> None:
    (folder / "app" / "end.py").rename(folder / "app" / "elsewhere.py")
    comparison = compare(audit([str(folder)]), known, folder)
    assert comparison.new == []
    assert comparison.gone == [baseline.Known("agent_completed", "app/end.py", "End")]


def test_what_is_gone_may_be_taken_out(folder, known) -> None:
    (folder / "app" / "two.py").unlink()
    assert compare(audit([str(folder)]), known, folder).gone == [baseline.Known("agent_started", "app/two.py", "Two")]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sources": [{"event": "x"}]}', '{"sources": 3}'])
def test_what_is_no_baseline(text) -> None:
    with pytest.raises(BrokenBaseline):
        baseline.load(text)
