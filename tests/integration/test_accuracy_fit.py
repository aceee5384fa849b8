"""Real federated runs in simulated time, and the fit to a few of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia.learning.task_file import load_task
from circadia_lab.data.day.plan import DAY_S
from circadia_lab.policy.env.accuracy import load_accuracy
from circadia_lab.policy.env.accuracy_estimate import LARGEST_LOSS, SCALES
from circadia_lab.policy.env.accuracy_fit import make
from circadia_lab.policy.env.federated_run import FIELDS, RECORD_S, Schedule, draw_schedules, play

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_a_run_is_fixed_by_its_seed_and_looks_at_every_device() -> None:
    task = load_task("digits")
    run, again, other = (play(task, seed, days=2, devices=2) for seed in (1, 1, 2))
    assert len(run.records) == 2 * 2 * DAY_S / RECORD_S
    assert run.records == again.records
    assert run.records != other.records
    assert run.records[0].t_s == RECORD_S


def test_what_is_recorded_can_be_true() -> None:
    run = play(load_task("digits"), 5, days=2, devices=3)
    seen = dict(zip(FIELDS, run.features.T, strict=True))
    assert (run.features >= 0).all()
    assert (seen["newest_age_s"] <= seen["model_age_s"] + 1e-6).all()
    np.testing.assert_array_equal(
        seen["versions_behind"] == 0, np.isclose(seen["newest_age_s"], seen["model_age_s"])
    )
    np.testing.assert_array_equal(seen["fresh_examples"] == 0, seen["fresh_age_s"] == 0)
    assert ((run.accuracy > 0) & (run.accuracy <= 1)).all()


def test_devices_depart_from_their_fleet_evenly() -> None:
    draws = [draw_schedules(np.random.default_rng(seed), 8) for seed in range(50)]
    apart = [np.log(np.array(own) / np.array(fleet)).mean() for fleet, own in draws]
    assert np.mean(apart) == pytest.approx(0, abs=0.1)
    assert all(isinstance(row, Schedule) for _, own in draws for row in own)


def test_less_than_a_day_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="one or more"):
        play(load_task("digits"), 0, days=0)
    with pytest.raises(ConfigError, match="two or more"):
        make(tmp_path, days=1)


@pytest.mark.slow
def test_a_fit_to_a_few_short_runs_writes_a_file_that_loads(tmp_path: Path) -> None:
    picture = tmp_path / "accuracy.png"
    fits = make(tmp_path, 7, 6, days=2, picture=picture)
    for name, found in zip(("accuracy.json", "accuracy_steady.json"), fits, strict=True):
        model = load_accuracy(tmp_path / name)
        assert np.isfinite([model.best, *(e.loss for e in model.effects), *found.errors.losses]).all()
        assert all(0 <= effect.loss <= LARGEST_LOSS[effect.field] for effect in model.effects)
        for effect in model.effects:
            low, high = SCALES.get(effect.field, (0, np.inf))
            assert low <= effect.scale <= high
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.glob("*.new"))
