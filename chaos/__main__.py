"""Plays the fault matrix on both columns, and the same on plain Channels, and saves the table.

A round is played from its seed: what is drawn (which server, which clients, how far a clock) is drawn again, so a round
that failed can be played once more with ``--fault NAME --seed SEED``. Exit code 1 if anything of ours was lost, came
twice or out of order, or reached another user.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from chaos import report, scenes
from chaos.faults import MATRIX, Fault
from chaos.round import Outcome, play
from chaos.scenes import Figure
from chaos.stage import Stage
from cluster.cluster import COLUMNS
from tests.processes import PROJECT
from tests.servers import server_folder


class Show:
    """Plays what the options ask for and keeps the outcomes."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.outcomes: list[Outcome] = []
        self.figures: list[Figure] = []
        self.ends = time.monotonic() + options.minutes * 60

    async def run(self) -> None:
        for column in self.options.column or COLUMNS:
            await self.matrix(column, plain=False, rounds=self.options.rounds)
            if self.options.plain_rounds:
                await self.matrix(column, plain=True, rounds=self.options.plain_rounds)
            if not self.options.fault:
                await self.trials(column)

    async def matrix(self, column: str, *, plain: bool, rounds: int) -> None:
        say(f"\n{column}, {'plain Channels' if plain else 'netra_events'}")
        async with stage(column, plain=plain) as here:
            for fault in self.faults(column, plain=plain):
                for number in range(rounds):
                    if time.monotonic() > self.ends:
                        say("The time is over; what was played is in the table.")
                        return
                    self.keep(await play(here, fault, self.options.seed + number))

    async def trials(self, column: str) -> None:
        say(f"\n{column}, trials")
        async with stage(column) as here:
            self.keep(await scenes.outage(here, self.options.seed))
        async with stage(column, tight=False) as here:
            for trial in (scenes.storm, scenes.flood):
                self.figures.append(figure := await trial(here))
                say(f"{mark(figure.tally.whole)} {figure.name}: {figure.measured}")

    def faults(self, column: str, *, plain: bool) -> Iterator[Fault]:
        """Those of the matrix that concern the column and were asked for."""
        for fault in MATRIX:
            wanted = self.options.fault in (None, fault.name)
            if wanted and column in fault.columns and (fault.plain or not plain):
                yield fault

    def keep(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        t = outcome.tally
        after = "never" if outcome.whole_after is None else f"{outcome.whole_after:.1f} s"
        say(
            f"{mark(t.whole)} {outcome.fault:<40} seed {outcome.seed:<4} lost {t.lost:<5} twice {t.repeated:<5} "
            f"out of order {t.disordered:<5} leaked {t.leaked:<3} whole after {after}"
        )

    @property
    def whole(self) -> bool:
        """Whether nothing of ours was lost, repeated, disordered or leaked."""
        ours = [outcome.tally for outcome in self.outcomes if not outcome.plain]
        return all(tally.whole for tally in (*ours, *(figure.tally for figure in self.figures)))


class stage:  # noqa: N801
    """A stage in a folder of its own, which goes with it."""

    def __init__(self, column: str, *, plain: bool = False, tight: bool = True) -> None:
        self._folder = server_folder()
        self._stage = Stage(column, self._folder, plain=plain, tight=tight)

    async def __aenter__(self) -> Stage:
        return await self._stage.__aenter__()

    async def __aexit__(self, *exception: object) -> None:
        await self._stage.__aexit__(*exception)
        shutil.rmtree(self._folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first round's seed; the next ones count up (1)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each fault (5)")
    parser.add_argument("--plain-rounds", type=int, default=2, help="rounds of each on plain Channels (2)")
    parser.add_argument("--column", action="append", choices=COLUMNS, help="only this column")
    parser.add_argument("--fault", choices=[fault.name for fault in MATRIX], help="only this fault, and no trials")
    parser.add_argument("--minutes", type=float, default=60, help="begin no further round after so long (60)")
    parser.add_argument("--folder", type=Path, default=PROJECT / "chaos-reports", help="where the table is saved")
    options = parser.parse_args()
    show = Show(options)
    began = datetime.now(UTC)
    asyncio.run(show.run())
    told = (
        f"Played on {began:%Y-%m-%d}, seeds from {options.seed}, {(datetime.now(UTC) - began).seconds // 60} minutes."
    )
    name = f"{began:%Y%m%d-%H%M%S}-seed-{options.seed}"
    say(f"\n{report.markdown(told, report.rows(show.outcomes), show.figures)}")
    say(f"Saved as {report.save(options.folder, name, told, show.outcomes, show.figures)}.")
    sys.exit(0 if show.whole else 1)


def mark(good: bool) -> str:
    return "whole" if good else "NOT WHOLE"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
