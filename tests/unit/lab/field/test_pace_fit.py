"""How long work takes, out of ticks: medians, what of them is not told, and whose network it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from circadia.energy.profile_file import shipped_profile
from circadia.energy.work import TaskWork
from circadia.tflite.operations import Operations
from circadia.types import Load
from circadia_lab.measure.calibration.pace_fit import fit_paces
from circadia_lab.measure.calibration.worked import Worked

PIXEL = shipped_profile("pixel-3")
STEP, ANSWER = (Operations(macs=n, bytes=10 * n, operators=7) for n in (3000, 2000))
WORK = TaskWork(task="mine", step=STEP, invocation=ANSWER, answers=8)


def worked(**seconds: Any) -> Worked:
    """`TRAIN_HIGH=[(seconds, steps), …]` and so on, a tick each."""
    rows = [(Load[name], s, units) for name, given in seconds.items() for s, units in given]
    load_s = np.zeros((len(rows), len(Load)))
    steps, served = (np.zeros(len(rows), np.int64) for _ in range(2))
    for row, (load, s, units) in enumerate(rows):
        load_s[row, load] = s
        (steps if load.name.startswith("TRAIN") else served)[row] = units
    return Worked(load_s=load_s, steps=steps, served=served, personal=False, model="")


def trained(unit_s: float, ticks: int = 20, seed: int = 0) -> list[tuple[float, int]]:
    random = np.random.default_rng(seed)
    return [(n * unit_s * random.uniform(0.95, 1.05), n) for n in random.choice([8, 32], ticks).tolist()]


def test_a_step_and_an_invocation_take_what_the_ticks_took() -> None:
    answered = [(0.25 * -(-n // 8), n) for n in (1, 3, 8, 9, 16, 20) * 3]
    stalled = [(400.0, 8)]
    both = worked(TRAIN_HIGH=trained(0.02) + stalled, SERVE_HIGH=answered)
    found = fit_paces([both], WORK, PIXEL, "measured: ticks").found
    step = found["duration.train_step_high_s"]
    assert step.value == pytest.approx(0.02, abs=3 * step.uncertainty)
    assert step.uncertainty < 0.001
    assert found["duration.serve_request_high_s"].value == pytest.approx(0.25)
    assert found["duration.serve_batch_overhead_s"].value == 0
    assert (found["work.train_step_macs"].value, found["work.serve_request_bytes"].value) == (3000, 20_000)
    assert found["work.answers"].value == 8


def test_the_other_clock_keeps_its_ratio() -> None:
    high = fit_paces([worked(TRAIN_HIGH=trained(0.02))], WORK, PIXEL, "measured: ticks").found
    low = fit_paces([worked(TRAIN_LOW=trained(0.02))], WORK, PIXEL, "measured: ticks").found
    ratio = PIXEL.duration.train_step_low_s.value / PIXEL.duration.train_step_high_s.value
    for found in (high, low):
        slow, fast = (found[f"duration.train_step_{clock}_s"].value for clock in ("low", "high"))
        assert slow / fast == pytest.approx(ratio)
    assert low["duration.train_step_low_s"].value == pytest.approx(high["duration.train_step_high_s"].value)
    both = worked(TRAIN_LOW=trained(0.019), TRAIN_HIGH=trained(0.02))
    found = fit_paces([both], WORK, PIXEL, "measured: ticks").found
    assert found["duration.train_step_low_s"].value > found["duration.train_step_high_s"].value


@pytest.mark.parametrize(
    ("given", "work", "told"),
    [
        (worked(TRAIN_HIGH=trained(0.02)), None, "--task"),
        (worked(TRAIN_HIGH=trained(0.02, ticks=9)), WORK, "9 ticks with such work; it takes 10"),
        (worked(TRAIN_HIGH=[(0.01 * 9**k, 8) for k in range(12)]), WORK, "differ by half of themselves"),
        (replace(worked(TRAIN_HIGH=trained(0.02)), personal=True), WORK, "an answer of its own"),
    ],
)
def test_what_the_ticks_do_not_tell_stays_with_the_reason(
    given: Worked, work: TaskWork | None, told: str
) -> None:
    fit = fit_paces([given], work, PIXEL, "measured: ticks")
    assert not fit.found
    for clock in ("low", "high"):
        assert told in fit.kept[f"duration.train_step_{clock}_s"]
