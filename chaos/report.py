"""The table: printed while the trials run, saved as Markdown and JSON when they are done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import reduce
from pathlib import Path
from statistics import median

import msgspec

from chaos.round import Outcome
from chaos.scenes import Figure
from chaos.tally import Tally

HEAD = ("fault", "column", "rounds", "emitted", "offered", "lost", "twice", "out of order", "leaked", "whole after")
PLAIN_HEAD = ("plain Channels: lost", "twice", "out of order")


class Row(msgspec.Struct, frozen=True):
    """All rounds of one fault on one column, and the same on plain Channels."""

    fault: str
    column: str
    rounds: int
    emitted: int
    counted: Tally
    whole_after: list[float]
    plain_offered: int
    plain: Tally | None

    @property
    def cells(self) -> list[str]:
        """One text for each column of the table."""
        return [
            self.fault, self.column, str(self.rounds), f"{self.emitted:,}", f"{self.counted.offered:,}",
            *(f"{count:,}" for count in self.counted[1:]), _seconds(self.whole_after), *_shares(self.plain),
        ]  # fmt: skip


def rows(outcomes: Iterable[Outcome]) -> list[Row]:
    """The outcomes by fault and column, in the order in which they were first seen."""
    ours: defaultdict[tuple[str, str], list[Outcome]] = defaultdict(list)
    plain: defaultdict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        (plain if outcome.plain else ours)[outcome.fault, outcome.column].append(outcome)
    return [_row(rounds, plain.get(place, [])) for place, rounds in ours.items()]


def _row(ours: Sequence[Outcome], plain: Sequence[Outcome]) -> Row:
    beside = _sum(plain)
    return Row(
        fault=ours[0].fault,
        column=ours[0].column,
        rounds=len(ours),
        emitted=sum(outcome.emitted for outcome in ours),
        counted=_sum(ours),
        whole_after=sorted(outcome.whole_after for outcome in ours if outcome.whole_after is not None),
        plain_offered=beside.offered,
        plain=beside if plain else None,
    )


def _sum(outcomes: Iterable[Outcome]) -> Tally:
    return reduce(Tally.plus, (outcome.tally for outcome in outcomes), Tally())


def _seconds(values: Sequence[float]) -> str:
    return f"{median(values):.1f} s, at most {max(values):.1f} s" if values else "never"


def _shares(plain: Tally | None) -> list[str]:
    """Plain Channels is played less often, so what it loses is told as a share."""
    if plain is None:
        return ["–"] * len(PLAIN_HEAD)
    return [
        f"{count / plain.offered:.1%}" if count else "0" for count in (plain.lost, plain.repeated, plain.disordered)
    ]


def markdown(told: str, table: Sequence[Row], figures: Sequence[Figure]) -> str:
    """The report as a page; ``told`` says how it came about."""
    lines = [told, "", _line((*HEAD, *PLAIN_HEAD)), _line(["---"] * 3 + ["--:"] * (len(HEAD) + len(PLAIN_HEAD) - 3))]
    lines += [_line(row.cells) for row in table]
    lines += ["", _line(("trial", "column", "offered", "lost", "twice", "measured")), _line(["---"] * 6)]
    lines += [
        _line((f.name, f.column, f"{f.tally.offered:,}", f"{f.tally.lost}", f"{f.tally.repeated}", f.measured))
        for f in figures
    ]
    return "\n".join([*lines, ""]) if figures else "\n".join([*lines[: 4 + len(table)], ""])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def save(folder: Path, name: str, told: str, outcomes: Sequence[Outcome], figures: Sequence[Figure]) -> Path:
    """Writes ``NAME.md``, and every single outcome to ``NAME.json``. Returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{name}.md"
    page.write_text(markdown(told, rows(outcomes), figures))
    (folder / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode([*outcomes, *figures])))
    return page
