"""Some faults of the matrix, from one seed; ``make chaos`` plays them all, many times, beside plain Channels."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chaos.faults import MATRIX, SHORT, Fault, Scene
from chaos.report import markdown, rows
from chaos.round import play
from chaos.stage import Stage
from chaos.tally import Tally
from cluster.balancer import MISSING, executable

from .servers import IN_CI, server_folder

SEED, EVENTS = 1, 30


@pytest.fixture
def folder() -> Iterator[Path]:
    yield (made := server_folder())
    shutil.rmtree(made, ignore_errors=True)


async def test_nothing_is_lost_repeated_disordered_or_leaked(request, folder) -> None:
    column = request.config.option.column
    if column == "scaled" and executable() is None:
        pytest.fail(MISSING) if IN_CI else pytest.skip(MISSING)
    async with Stage(column, folder) as stage:
        faults = [replace(fault, total=EVENTS) for fault in MATRIX if fault.name in SHORT and column in fault.columns]
        outcomes = [await play(stage, fault, SEED) for fault in faults]
    table = markdown("", rows(outcomes), [])
    assert len(outcomes) == 6 + (column == "scaled")
    assert [outcome.tally for outcome in outcomes] == [Tally(outcome.tally.offered) for outcome in outcomes], table
    assert None not in [outcome.whole_after for outcome in outcomes], table


async def lose_all_from_now_on(scene: Scene) -> None:
    scene.stage.let_bells_suffer(lose=1.0)


async def test_the_trial_sees_what_plain_channels_loses(folder) -> None:
    # The fault strikes after three seconds at the latest, when no more than thirty of each user's events are out.
    fault = Fault("bells lost", lose_all_from_now_on, total=45)
    async with Stage("embedded", folder, plain=True) as stage:
        outcome = await play(stage, fault, SEED)
    assert outcome.tally.lost > 0
