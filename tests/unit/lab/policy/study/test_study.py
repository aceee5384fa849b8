"""A folder of trainings: nothing is trained twice, and nothing that was begun is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.errors import ArtifactError, ConfigError
from circadia_lab.policy.study.study import ABLATIONS, ARMS, Study

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from circadia_lab.policy.cmoppo.config import Config
    from circadia_lab.policy.cmoppo.history import Progress
    from circadia_lab.policy.study.training_file import Training

pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.slow]
BATCH = 24


class KilledError(Exception):
    """What stops a training from outside."""


def never(progress: Progress) -> None:
    raise AssertionError(progress)


def assert_same(a: Training, b: Training) -> None:
    for one, other in zip(a.layers["actor"], b.layers["actor"], strict=True):
        assert np.array_equal(one.weights, other.weights)
        assert np.array_equal(one.bias, other.bias)
    assert np.array_equal(a.multipliers, b.multipliers)
    assert (a.history, a.judged, a.steps) == (b.history, b.judged, b.steps)


@pytest.fixture(scope="module")
def whole(
    ground: Any,
    tiny: Config,
    tmp_path_factory: pytest.TempPathFactory,
    lightly: Callable[[], AbstractContextManager[None]],
) -> tuple[Study, Training]:
    """A study in which one training is done."""
    study = Study(tmp_path_factory.mktemp("whole") / "deep" / "runs", ground, tiny, batch=BATCH)
    assert study.missing("coupled", 0)
    with lightly():
        return study, study.trained("coupled", 0)


def test_it_trains_once_and_loads_afterwards(
    whole: tuple[Study, Training], ground: Any, tiny: Config
) -> None:
    study, first = whole
    made = ground.made
    assert not study.missing("coupled", 0)
    again = Study(study.folder, ground, tiny, batch=BATCH).trained("coupled", 0, on_progress=never)
    assert ground.made == made
    assert_same(first, again)
    assert [path.name for path in study.folder.iterdir()] == [study.path("coupled", 0).name]
    assert (first.arm, first.seed, first.batch, first.problem_digest) == ("coupled", 0, BATCH, "chain0")


def test_what_differs_has_another_path(tmp_path: Path, ground: Any, other_ground: Any, tiny: Config) -> None:
    ours = Study(tmp_path, ground, tiny, batch=BATCH)
    others = [
        Study(tmp_path, ground, replace(tiny, discount=0.5), batch=BATCH),
        Study(tmp_path, other_ground, tiny, batch=BATCH),
        Study(tmp_path, ground, tiny, batch=2 * BATCH),
    ]
    paths = [ours.path(arm, seed) for arm in ARMS for seed in (0, 1)]
    paths += [study.path("coupled", 0) for study in others]
    assert len(set(paths)) == len(paths)
    assert Study(tmp_path, ground, replace(tiny), batch=BATCH).path("coupled", 0) == paths[0]


def test_arms_differ_in_what_they_are_named_for(tmp_path: Path, ground: Any, tiny: Config) -> None:
    study = Study(tmp_path, ground, tiny, batch=BATCH)
    assert study.config_of("coupled").different(tiny.as_dict()) == []
    assert study.config_of("separate").different(tiny.as_dict()) == ["architecture: coupled, here separate"]
    assert study.config_of("unconstrained").different(tiny.as_dict()) == ["constrained: True, here False"]
    with pytest.raises(ConfigError, match="no arm 'joint'; there are coupled, separate, unconstrained"):
        study.path("joint", 0)


def test_an_interrupted_training_goes_on(
    whole: tuple[Study, Training], tmp_path: Path, ground: Any, tiny: Config
) -> None:
    study = Study(tmp_path, ground, tiny, batch=BATCH)

    def kill(progress: Progress) -> None:
        if progress.updates == 4:
            raise KilledError

    with pytest.raises(KilledError):
        study.trained("coupled", 0, on_progress=kill)
    assert study.missing("coupled", 0)
    seen: list[Progress] = []
    found = study.trained("coupled", 0, on_progress=seen.append)
    assert [p.updates for p in seen] == [4, 5, 6]
    assert_same(found, whole[1])
    assert [path.name for path in study.folder.iterdir()] == [study.path("coupled", 0).name]


def test_a_checkpoint_that_cannot_be_gone_on_with_is_trained_anew(
    tmp_path: Path, ground: Any, tiny: Config
) -> None:
    study = Study(tmp_path, ground, tiny, batch=BATCH)
    checkpoint = study.path("coupled", 0).with_suffix(".checkpoint.npz")
    checkpoint.write_bytes(b"PK half of it")
    seen: list[Progress] = []
    study.trained("coupled", 0, on_progress=seen.append)
    assert [p.updates for p in seen] == [1, 2, 3, 4, 5, 6]
    assert not checkpoint.exists()


def test_a_damaged_training_is_not_trained_over(tmp_path: Path, ground: Any, tiny: Config) -> None:
    study = Study(tmp_path, ground, tiny, batch=BATCH)
    study.path("coupled", 0).write_bytes(b"PK half of it")
    with pytest.raises(ArtifactError, match="is no training, or damaged"):
        study.trained("coupled", 0)
    assert study.path("coupled", 0).read_bytes() == b"PK half of it"


def test_every_arm_trains(tmp_path: Path, ground: Any, tiny: Config) -> None:
    study = Study(tmp_path, ground, tiny, batch=BATCH)
    apart, free = study.trained("separate", 0), study.trained("unconstrained", 0)
    assert set(apart.layers) == {"serve", "other"}
    assert apart.layers["serve"][-1].bias.size + apart.layers["other"][-1].bias.size > 1
    assert not free.multipliers.any()
    assert study.trained("coupled", 0).multipliers.any()


def test_an_ablation_leaves_out_what_it_is_named_for(tmp_path: Path, ground: Any, tiny: Config) -> None:
    study = Study(tmp_path, ground, tiny, batch=BATCH)
    parts = {
        "one-limit-for-all": {"by_kind"},
        "no-margin": {"target", "target_first"},
        "no-annealing": {"target_first"},
        "one-try": {"tried", "explored"},
        "one-stage": {"extension_share", "extension_rounds"},
    }
    assert set(parts) == set(ABLATIONS)
    for arm, names in parts.items():
        different = {line.split(":")[0] for line in study.config_of(arm).different(tiny.as_dict())}
        assert different <= names
    assert not study.config_of("one-limit-for-all").by_kind
    assert study.config_of("no-margin").target == 1
    assert study.config_of("no-annealing").target_first == tiny.target
    assert study.config_of("one-try").tried == 1
    assert study.config_of("one-stage").extension_rounds == 0
