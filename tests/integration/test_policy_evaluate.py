"""`circadia policy evaluate` from the command line: what it writes, and what it refuses."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from circadia.cli import main

KEYS = {
    "utility", "utility_low", "utility_high", "violating_fraction", "avoidable_crossings", "hypervolume", "int8_loss",
    "int8_added_violations", "coupling_gain", "coupling_gain_low", "coupling_gain_high",
    "utility_drift_plus_penalty", "utility_unconstrained", "battery_life_h", "joules_per_served", "accuracy",
    "latency_p95_s", "staleness_p95_s",
}  # fmt: skip
ORACLE_KEYS = {
    "normalised_mean", "normalised_min", "hypervolume_ratio", "violating_fraction", "largest_gap",
    "distilled_normalised_mean", "regret_mean", "regret_max", "per_preference_normalised_min", "per_preference_regret_mean",
}  # fmt: skip


def evaluated(folder: Path, *words: str) -> dict[str, Any]:
    out = folder / "out"
    arguments = [
        "--quick",
        "--keep",
        str(folder / "keep"),
        "--out",
        str(out),
        "--json",
        str(folder / "e.json"),
    ]
    assert main(["policy", "evaluate", *words, *arguments]) == 0
    figures: dict[str, Any] = json.loads((folder / "e.json").read_text())
    assert figures == json.loads((out / "evaluation.json").read_text())
    page = (out / "evaluation.html").read_text()
    assert "quick run" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert list(out.glob("*.png"))
    assert not list(out.glob("*.new"))
    return figures


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_full_problem(tmp_path: Path) -> None:
    figures = evaluated(tmp_path, "--problem", "phone", "--others", "unseen")
    assert figures.keys() >= KEYS
    assert figures["scenario"] == "phone"
    assert figures["seeds"] == 2
    assert figures["coupling_gain_low"] <= figures["coupling_gain"] <= figures["coupling_gain_high"]
    kept = sorted((tmp_path / "keep").glob("*.npz"))
    assert len(kept) == 6  # three arms, two seeds


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_against_a_certified_optimum(tmp_path: Path) -> None:
    figures = evaluated(tmp_path, "--oracle", "--per-preference")
    assert figures.keys() >= ORACLE_KEYS
    assert figures["states"] >= 4000
    assert figures["largest_gap"] < 2e-3
    assert figures["normalised_mean"] < figures["distilled_normalised_mean"] + 0.5
    assert figures["normalised_mean"] <= 1 or figures["violating_fraction"] > 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_policy_file(tmp_path: Path) -> None:
    old = Path(__file__).parents[1] / "formats" / "0.1.0.dev0" / "policy.tflite"
    figures = evaluated(tmp_path, str(old), "--problem", "phone", "--others")
    assert figures["seeds"] == 1
    assert math.isfinite(figures["utility"])
    assert figures["utility_low"] is None
    assert "coupling_gain" not in figures


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeds", "0"], "--seeds 0: must be above 0"),
        (["--days", "-1"], "--days -1: must be above 0"),
        (["--problem", "nowhere"], "nowhere"),
        (["p.tflite", "--oracle"], "a file is played in full problems only"),
        (["--json", "figures.txt"], "must end in .json"),
        (["--oracle", "moon"], "moon"),
        (["missing.tflite", "--others"], "missing.tflite"),
        (["--others", "--run", "missing.json"], "missing.json: no summary"),
    ],
)
def test_bad_input(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["policy", "evaluate", *words]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
