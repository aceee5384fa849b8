"""`circadia replay`: recorded ticks through another policy."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.actions import NAMES
from circadia.observation import COLUMN, TABLE
from circadia.store.migrations import STORE
from circadia.store.names import Names
from circadia_lab.policy.files.observations import sample_observations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TICKS = 40


def recorded(path: Path, times: Any = None, *, change: str = "") -> Path:
    """A store with ticks in which sleep is all that is forbidden in every other one; `change` in SQL."""
    x = sample_observations(TICKS, np.random.default_rng(0)).astype(np.float32)
    x[::3, COLUMN["temperature_c"]] = np.nan
    at = np.arange(TICKS) * 300.0 if times is None else times
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        STORE.prepare(db, path)
        table = Names(db).observation_table
        for i, row in enumerate(x):
            masked = '{"thermal": 32}' if i % 2 else None
            db.execute(
                "INSERT INTO ticks (t_s, observation, observation_table, proposed, action, feasible, masked, phases, version,"
                " served, expired, overrun_s) VALUES (?, ?, ?, ?, ?, 1, ?, '[]', 0, 0, 0, 0)",
                (at[i], row.tobytes(), table, NAMES[i % 7], NAMES[0], masked),
            )
        db.executescript(change)
    return path


def test_a_store_is_replayed(circadia: Callable[..., Any], tmp_path: Path) -> None:
    store = recorded(tmp_path / "store.db")
    ended = circadia(
        "replay", store, "--policy", "default", "--recorded-by", "default", "--profile", "pixel-3", "--json"
    )
    assert ended.code == 0
    found = json.loads(ended.out)
    assert found["ticks"] == TICKS
    assert found["hours"] == pytest.approx(39 * 300 / 3600)
    assert sum(found["policy_modes"].values()) == pytest.approx(1)
    assert found["recorded_modes"]["sleep"] == pytest.approx(1)
    assert found["recorded_by"]["total_variation"] == 0
    assert found["energy"]["recorded_j"] >= 0
    assert found["off_policy"]
    assert "Off-policy" in circadia("replay", store, "--policy", "default").out


def test_a_trace_with_gaps_is_as_long_as_its_clock_says(circadia: Callable[..., Any], tmp_path: Path) -> None:
    """Hours without a tick, ticks in quick succession, rows that were deleted."""
    times = np.cumsum(np.where(np.arange(TICKS) % 10 == 9, 7 * 3600.0, 0.5))
    store = recorded(tmp_path / "store.db", times, change="DELETE FROM ticks WHERE id % 5 = 0")
    found = json.loads(circadia("replay", store, "--policy", "default", "--json").out)
    assert found["ticks"] == TICKS - TICKS // 5
    assert found["hours"] == pytest.approx((times[38] - times[0]) / 3600)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE ticks RENAME COLUMN masked TO forbidden", "no such column: masked"),
        ("ALTER TABLE ticks DROP COLUMN proposed", "no such column: proposed"),
        ("DROP TABLE ticks", "it has no table of ticks"),
        ("DELETE FROM ticks", "has no ticks yet"),
        ("PRAGMA user_version = 99; UPDATE schema SET readable_from = 99", "has schema 99"),
        ("UPDATE ticks SET action = 'serve/remote' WHERE id = 3", "does not know: serve/remote"),
        (
            "UPDATE ticks SET observation = zeroblob(8) WHERE id = 3",
            f"of 2 features by a table of {len(TABLE)}",
        ),
        ("UPDATE ticks SET observation_table = 7 WHERE id = 3", "tick 3"),
        ("UPDATE ticks SET phases = '[[\"FLY\", 1]]' WHERE id = 3", "tick 3"),
        ("UPDATE ticks SET masked = '[[\"thermal\", 9]]' WHERE id = 3", "tick 3"),
        ("UPDATE ticks SET observation = zeroblob(7) WHERE id = 3", "tick 3"),
        ("UPDATE ticks SET observation = 'text' WHERE id = 3", "tick 3"),
        ("UPDATE ticks SET masked = '{' WHERE id = 4", "tick 4"),
        ("UPDATE ticks SET masked = '[1]' WHERE id = 4", "tick 4"),
        ('UPDATE ticks SET masked = \'{"thermal": "x"}\' WHERE id = 4', "tick 4"),
    ],
)
def test_a_store_that_cannot_be_read_is_named(
    refused: Callable[..., str], tmp_path: Path, change: str, told: str
) -> None:
    store = recorded(tmp_path / "store.db", change=change)
    message = refused("replay", store, "--policy", "default")
    assert "store.db" in message
    assert told in message


def test_other_files_are_no_stores(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("certainly no database, and long enough to look at " * 40)
    (tmp_path / "empty.db").write_bytes(b"")
    for name in ("text.db", "empty.db"):
        assert "is not a store of Circadia" in refused("replay", tmp_path / name, "--policy", "default")
    assert "no such file" in refused("replay", tmp_path / "gone.db", "--policy", "default")
    store = recorded(tmp_path / "store.db")
    assert "nonsense" in refused("replay", store, "--policy", "nonsense")
    assert "nokia" in refused("replay", store, "--policy", "default", "--profile", "nokia")
