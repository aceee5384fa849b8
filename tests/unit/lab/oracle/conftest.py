"""A grid that is small enough for everything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from circadia_lab.env.problem import CostLimits
from circadia_lab.oracle.grid import Grid, GridSpec, make_grid
from circadia_lab.oracle.grids import board, phone


def coarse(spec: GridSpec) -> GridSpec:
    """The same on coarse axes: fewer than a thousand states."""
    return replace(
        spec,
        name=f"coarse-{spec.name}",
        costs=CostLimits(expired=0.1, stale=0.3, old=0.3),
        battery_levels=4,
        queue_lots=(1.0,),
        fresh_ages=(4.0, 16.0),
        behind_ages=(3.0, 16.0),
        unsent_lots=(0.0,),
        request_scale=1.0,
    )


@pytest.fixture(scope="session")
def grid() -> Grid:
    return make_grid(coarse(phone()))


@pytest.fixture(scope="session")
def board_grid() -> Grid:
    return make_grid(coarse(board()))
