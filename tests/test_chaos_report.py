"""The table of the fault matrix."""

import json
from typing import Any

from chaos.report import markdown, rows, save
from chaos.round import Outcome
from chaos.scenes import Figure
from chaos.tally import Tally


def outcome(seed: int = 1, *, plain: bool = False, whole_after: float | None = 0.5, **counts: Any) -> Outcome:
    return Outcome("bells lost", "scaled", plain, seed, 500, Tally(1_000, **counts), whole_after, 20, 0)


def test_rounds_of_one_fault_are_one_row_beside_plain_channels() -> None:
    (row,) = rows([outcome(1), outcome(2, whole_after=1.5), outcome(plain=True, lost=300)])
    assert row.cells == [
        "bells lost", "scaled", "2", "1,000", "2,000", "0", "0", "0", "0", "1.0 s, at most 1.5 s", "30.0%", "0", "0",
    ]  # fmt: skip


def test_what_never_became_whole_says_so() -> None:
    (row,) = rows([outcome(whole_after=None, lost=3)])
    assert (row.cells[5], row.cells[9], row.cells[10]) == ("3", "never", "–")


def test_the_page_is_a_table_of_faults_and_one_of_trials() -> None:
    page = markdown("Told.", rows([outcome()]), [Figure("flood", "scaled", Tally(8), "12.0 MiB more memory")])
    assert page.startswith("Told.\n\n| fault | column |")
    assert "| flood | scaled | 8 | 0 | 0 | 12.0 MiB more memory |" in page


def test_every_single_outcome_is_saved(tmp_path) -> None:
    page = save(tmp_path, "today", "Told.", [outcome(7)], [])
    assert page.read_text().startswith("Told.")
    assert json.loads((tmp_path / "today.json").read_text())[0]["seed"] == 7
