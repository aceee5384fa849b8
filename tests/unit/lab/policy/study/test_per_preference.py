"""One network for each preference, side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia_lab.policy.env.fixed import NAMES
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.files.int8_network import float_scores
from circadia_lab.policy.study.ground import GridGround
from circadia_lab.policy.study.per_preference import exact_alone, per_preference
from circadia_lab.policy.study.study import Study

if TYPE_CHECKING:
    from pathlib import Path

    from circadia_lab.policy.cmoppo.config import Config
    from circadia_lab.policy.oracle.spec import GridSpec

pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.slow]


class TwoStatesGround:
    """Accuracy asks for training, energy for sleep."""

    name = digest = "two states"

    def __init__(self, two_states: Any, config: Config) -> None:
        self._two_states, self.config = two_states, config

    def environment(self, batch: int) -> Any:
        found = self._two_states(batch)
        found.kinds = 0 * found.kinds
        return found

    def batch(self, least: int, parts: int) -> int:
        return -(-least // parts) * parts


def test_each_learns_for_its_own_preference(two_states: Any, tiny: Config) -> None:
    config = replace(
        tiny, steps=2 * 24 * 4 * 60, actor_rate=2e-2, entropy=0.01, constrained=False, report_every=10
    )
    told: list[float] = []
    found = per_preference(
        TwoStatesGround(two_states, tiny), config, 0, ANCHORS[[20, 0]], batch=48, progress=told.append
    )
    assert found.steps == config.steps
    assert told == pytest.approx([(i + 1) / 6 for i in range(6)])
    environment = two_states(2)
    likeliest = []
    for layers, preference in zip(found.layers, ANCHORS[[20, 0]], strict=True):
        seen = environment.see(np.zeros(2, np.int32), np.tile(preference, (2, 1)).astype(np.float32))
        scores = np.where(np.asarray(seen.mask), float_scores(layers)(np.asarray(seen.encoded)), -np.inf)
        likeliest.append(NAMES[int(scores[0].argmax())].split("/")[0])
    assert likeliest == ["train", "sleep"]


def test_on_a_grid_they_are_evaluated_exactly_and_trained_once(
    coarse_phone: GridSpec, tiny: Config, tmp_path: Path
) -> None:
    study = Study(tmp_path / "deep", GridGround(coarse_phone), tiny, batch=48)
    first = exact_alone(study, 0)
    assert first.returns.shape == first.costs.shape == (len(ANCHORS), 3)
    assert np.isfinite(first.returns).all()
    (kept,) = (tmp_path / "deep").glob("*-per-preference-0-*.npz")
    before = kept.stat().st_mtime_ns
    assert np.array_equal(exact_alone(study, 0).costs, first.costs)
    assert kept.stat().st_mtime_ns == before


def test_it_takes_a_grid_to_evaluate_them_exactly(two_states: Any, tiny: Config, tmp_path: Path) -> None:
    study = Study(tmp_path, TwoStatesGround(two_states, tiny), tiny, batch=24)
    with pytest.raises(ConfigError, match="takes a grid"):
        exact_alone(study, 0)
