"""A long day is a store like another, and its columns say what its rows do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.actions import INDEX
from circadia.store.reading import PIECE, StoreReader
from circadia_lab.bench._long_day import START_S, write_long_day

if TYPE_CHECKING:
    from pathlib import Path

TICKS = 2 * PIECE + 100


def test_its_columns_are_those_of_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    assert write_long_day(path, TICKS) == START_S + TICKS
    with StoreReader(path) as store:
        columns, rows, counted = store.history(), store.ticks(), store.tick_count()
    assert counted == len(columns) == len(rows) == TICKS
    assert np.array_equal(columns.t_s, START_S + np.arange(TICKS))
    assert np.array_equal(columns.x, [row.x for row in rows], equal_nan=True)
    assert columns.action.tolist() == [INDEX[row.action] for row in rows]
    assert [columns.maskings[place] for place in columns.masked] == [row.masked for row in rows]
    assert columns.energy_j == pytest.approx([row.energy_j for row in rows], nan_ok=True)
    for place, kind in enumerate(("SERVE", "TRAIN")):
        told = [row.by_load_j for row in rows]
        joules = [
            sum(j for load, j in one.items() if load.startswith(kind)) if one else np.nan for one in told
        ]
        assert columns.work_j[:, place] == pytest.approx(joules, nan_ok=True)
