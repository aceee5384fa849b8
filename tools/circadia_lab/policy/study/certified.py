"""A study on a grid, held against the certified optimum: every network evaluated exactly, nothing sampled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.evaluation.oracle_figures import oracle_figures
from circadia_lab.policy.files.int8_network import int8_scores
from circadia_lab.policy.oracle.coupling import coupling
from circadia_lab.policy.oracle.optimum import optimum
from circadia_lab.policy.study.contestants import in_8_bits
from circadia_lab.policy.study.distil import Effort, distil, exact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from circadia_lab.policy.evaluation.oracle_figures import OracleFigures
    from circadia_lab.policy.study.distil import Averages
    from circadia_lab.policy.study.ground import GridGround
    from circadia_lab.policy.study.training_file import Training

    Told = Callable[[str, float], None]


def certified(
    trainings: Sequence[Training],
    ground: GridGround,
    *,
    alone: Sequence[Averages] = (),
    folder: Path,
    worth: bool,
    lessons: int,
    tell: Told,
) -> OracleFigures:
    """The trainings' networks in 8 bits and the optimum's own policy in the same network.

    Optima are kept in `folder`. `worth`: also what coupling is worth by the optimum, which takes minutes.
    `alone`: what networks of one preference each bring, by seed.
    `lessons`: steps of the distillation. `tell` is
    given what is under way and the share of it that is done.
    """
    grid = ground.grid
    found = optimum(
        grid,
        ANCHORS,
        folder=folder,
        progress=lambda i, _: tell("certifying the optimum", (i + 1) / len(ANCHORS)),
    )
    rows = []
    for i, layers in enumerate(in_8_bits(trainings, ground)):
        rows.append(exact(grid, int8_scores(layers), ANCHORS))
        tell("evaluating exactly", (i + 1) / len(trainings))
    taught = distil(
        grid,
        found,
        effort=Effort(steps=lessons),
        progress=lambda share: tell("distilling the optimum", share),
    )
    ceiling = exact(grid, int8_scores(taught.quantised), ANCHORS)
    apart = None
    if worth:
        apart = [
            pair.worth
            for pair in coupling(grid, found, progress=lambda _: tell("what coupling is worth", float("nan")))
        ]
    return oracle_figures(
        found,
        [row.returns for row in rows],
        [row.costs for row in rows],
        grid=grid.spec.name,
        states=grid.chain.states,
        limits=grid.chain.limits,
        distilled_reward=ceiling.returns,
        distilled_cost=ceiling.costs,
        alone_reward=np.array([each.returns for each in alone]) if alone else None,
        alone_cost=np.array([each.costs for each in alone]) if alone else None,
        coupling=apart,
    )
