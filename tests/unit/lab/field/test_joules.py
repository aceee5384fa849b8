"""Joules by action and by load, against ticks whose truth is known."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.actions import NAMES
from circadia.cli import main
from circadia.errors import ConfigError, StoreError
from circadia.store.sqlite import SqliteStore
from circadia.types import Load, Phase
from circadia_field.ticks import _load_s, read_ticks
from circadia_lab.measure.joules.budget import Meter, budget
from circadia_lab.measure.joules.joules import by_action, by_load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from circadia_field.ticks import Ticks

    Make = Callable[..., Ticks]


def test_watts_of_loads_are_found(ticks: Make, watts: dict[Load, float]) -> None:
    found = {one.load: one for one in by_load(ticks(400, 0))}
    assert found.keys() == {load.name for load in watts}
    for load, truth in watts.items():
        assert found[load.name].watts.mean == pytest.approx(truth, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("warm", [0.0, 0.7])
def test_intervals_cover_the_truth_about_as_often_as_they_say(ticks: Make, warm: float) -> None:
    covered = []
    for seed in range(60):
        found = {one.load: one.watts for one in by_load(ticks(150, seed, noise_j=0.1, warm=warm), seed=seed)}
        covered.append(found["TRAIN_LOW"].low <= 0.36 <= found["TRAIN_LOW"].high)
    assert 0.83 <= np.mean(covered) <= 1.0


def test_actions_add_up_to_all_joules_and_the_dearest_is_first(ticks: Make) -> None:
    known = ticks(200, 1)
    found = by_action(known)
    assert sum(one.total_j for one in found) == pytest.approx(known.energy_j.sum())
    assert [one.total_j for one in found] == sorted((one.total_j for one in found), reverse=True)
    for one in found:
        mine = known.energy_j[known.action == one.action]
        assert one.joules.mean == pytest.approx(mine.mean())
        assert one.joules.low < mine.mean() < one.joules.high
        assert one.watts.mean == pytest.approx(mine.mean() / 10)


def test_few_ticks_have_no_interval(ticks: Make) -> None:
    found = by_action(ticks(6, 2))
    assert all(np.isnan(one.joules.low) for one in found)


def test_the_same_seed_gives_the_same_interval(ticks: Make) -> None:
    assert by_action(ticks(100, 3), seed=5) == by_action(ticks(100, 3), seed=5)


def test_what_outlasts_its_tick_goes_on_in_the_next() -> None:
    long = (Phase(load=Load.WAKE_UP, duration_s=0.5), Phase(load=Load.TRAIN_LOW, duration_s=14.0))
    short = (Phase(load=Load.SERVE_HIGH, duration_s=2.0),)
    seconds = _load_s([long, short, short], [0, 10, 30], [10, 10, 10])
    assert seconds[0, [Load.WAKE_UP, Load.TRAIN_LOW, Load.DEEP_SLEEP]].tolist() == [0.5, 9.5, 0]
    assert seconds[1, [Load.TRAIN_LOW, Load.SERVE_HIGH, Load.DEEP_SLEEP]].tolist() == [4.5, 2, 3.5]
    assert seconds[2, [Load.SERVE_HIGH, Load.DEEP_SLEEP]].tolist() == [
        2,
        8,
    ]  # after a hole nothing is pending


def test_the_budget_combines_its_parts(ticks: Make) -> None:
    known = ticks(100, 4)
    found = budget(known, Meter(gain=0.002, offset_w=1e-3))
    assert found.gain_j == pytest.approx(0.002 * known.energy_j.sum())
    assert found.offset_j == pytest.approx(1.0)
    assert found.clocks_j == pytest.approx(0.003 * 10 / np.sqrt(3))
    assert found.together_j == pytest.approx(np.sqrt(found.gain_j**2 + found.offset_j**2 + found.clocks_j**2))
    with pytest.raises(ConfigError, match="gain is -1"):
        Meter(gain=-1)


def test_a_store_without_joules_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such file"):
        read_ticks(tmp_path / "a.db")
    SqliteStore(tmp_path / "a.db").close()
    with pytest.raises(StoreError, match="none that ended"):
        read_ticks(tmp_path / "a.db")
    (tmp_path / "b.db").write_text("t_s,energy\n" * 200, encoding="ascii")
    with pytest.raises(StoreError, match="is not a store"):
        read_ticks(tmp_path / "b.db")


INSERT = """INSERT INTO ticks (t_s, observation, proposed, action, feasible, phases, version, served, expired,
    overrun_s, energy_j, energy_source, gap_s, lost_s, bound_j) VALUES
    (?, zeroblob(104), ?, ?, 1, '[]', 0, 0, 0, 0, 1.0, ?, ?, ?, 0)"""


def stored(path: Path, ticks: Sequence[tuple[str, str | None, float]]) -> Path:
    """A store of ticks of 10 s: their action, the source of their joules, and how long the meter was away."""
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as db, db:
        for place, (action, source, lost_s) in enumerate(ticks):
            db.execute(INSERT, (10.0 * place, action, action, source, lost_s, lost_s))
    return path


@pytest.mark.parametrize(
    ("ticks", "why"),
    [
        ([], "has 0 ticks and none that ended"),
        ([("sleep", "measured", 0.0)], "has 1 tick and none that ended"),
        ([("sleep", None, 0.0)] * 3, "none of 2 ticks has joules; did the device have a meter"),
        ([("sleep", "measured", 4.0)] * 3, "the meter was away for a part of each of 2 ticks"),
    ],
)
def test_why_no_tick_has_joules_is_told(
    tmp_path: Path, ticks: list[tuple[str, str | None, float]], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = stored(tmp_path / "a.db", ticks)
    with pytest.raises(StoreError, match=why):
        read_ticks(path)
    assert main(["joules", str(path)]) == 2
    assert (
        main(["lab", "calibrate", str(path), "--profile", "pixel-3", "--out", str(tmp_path / "a.toml")]) == 2
    )
    assert [why in line for line in capsys.readouterr().err.splitlines()] == [True, True]
    assert not (tmp_path / "a.toml").exists()


def test_every_action_is_told_whole_in_80_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stored(tmp_path / "a.db", [(name, "measured", 0.0) for name in (*NAMES, *NAMES) for _ in range(8)])
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["joules", str(path)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in shown)
    first = [line.split()[0] for line in shown if line.strip()]
    for name in NAMES:
        assert first.count(name) == 2, name  # its joules and its watts


def test_ticks_that_the_meter_missed_in_part_are_left_out_and_counted(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.db", [("sleep", "measured", lost_s) for lost_s in (0.0, 0.0, 5.0, 0.0)])
    found = read_ticks(path)
    assert (found.count, found.unsettled) == (2, 1)
