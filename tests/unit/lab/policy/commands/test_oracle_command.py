"""`circadia policy oracle`, without what coupling is worth."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from circadia_lab.policy.env.problem import CostLimits
from circadia_lab.policy.oracle import grids

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from circadia_lab.policy.oracle.spec import GridSpec

pytestmark = pytest.mark.slow


def test_one_preference_s_optimum(circadia: Callable[..., Any], coarse_grid: str, tmp_path: Path) -> None:
    path = tmp_path / "optimum.json"
    ended = circadia("policy", "oracle", "--grid", coarse_grid, "--preference", "0,0,1", "--json", path)
    assert ended.code == 0
    found = json.loads(path.read_text())
    assert (found["grid"], found["states"]) == (coarse_grid, 432)
    (row,) = found["optima"]
    assert row["value"] <= row["upper"]
    assert row["gap"] <= 1e-3
    assert all(row["costs"][name] <= limit + 1e-7 for name, limit in found["limits"].items())
    assert "a unit of each limit is worth" in ended.out
    assert [p.name for p in tmp_path.iterdir()] == ["optimum.json"]


def test_a_kept_answer_is_taken(circadia: Callable[..., Any], coarse_grid: str, tmp_path: Path) -> None:
    words = ("policy", "oracle", "--grid", coarse_grid, "--preference", "1,0,0", "--keep", tmp_path / "kept")
    first = circadia(*words)
    (path,) = (tmp_path / "kept").iterdir()
    before = path.stat().st_mtime_ns
    assert circadia(*words).out == first.out
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--grid", "phon"), "unknown grid 'phon'"),
        (("--tolerance", 0), "--tolerance 0: must lie between 0 and 1"),
        (("--tolerance", "nan"), "--tolerance nan"),
        (("--json", "o.txt"), "--json o.txt: must end in .json"),
        (("--keep", "file/kept"), "--keep: cannot write to"),
    ],
)
def test_what_is_wrong_is_named(
    refused: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[object, ...],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert told in refused("policy", "oracle", *words)


def test_limits_that_nobody_can_keep_are_named(
    refused: Callable[..., str], coarse_phone: GridSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hard = replace(coarse_phone, name="hard", costs=CostLimits(expired=1e-4, stale=0.3, old=0.3))
    monkeypatch.setitem(grids.GRIDS, "hard", lambda: hard)
    message = refused("policy", "oracle", "--grid", "hard", "--json", tmp_path / "o.json")
    assert "expired must average at most 0.0001" in message
