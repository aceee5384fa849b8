"""`circadia policy export`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.observation import WIDTH
from circadia.policy.artifact import load_policy
from circadia_lab.policy.commands import export as command
from circadia_lab.policy.env.fixed import NAMES
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.files.policy_file import FloatLayer
from circadia_lab.policy.study.ground import GridGround
from circadia_lab.policy.study.training_file import Training, write_training

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from circadia_lab.policy.oracle.spec import GridSpec


@pytest.fixture
def training(coarse_phone: GridSpec) -> Training:
    random = np.random.default_rng(0)
    layers = tuple(
        FloatLayer(
            weights=(random.normal(size=(out, of)) / of**0.5).astype(np.float32),
            bias=np.zeros(out, np.float32),
            relu=relu,
        )
        for of, out, relu in ((WIDTH, 8, True), (8, len(NAMES), False))
    )
    ground = GridGround(coarse_phone)
    costs = np.full((len(ANCHORS), 3), 0.5).tolist()
    return Training(
        layers={"actor": layers},
        multipliers=np.zeros((len(ANCHORS), 3)),
        problem=ground.name,
        problem_digest=ground.digest,
        arm="coupled",
        seed=3,
        batch=24,
        config={},
        steps=10,
        seconds=1.0,
        steps_per_s=10.0,
        judged={"costs": costs},
        history=(),
    )


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_it_writes_a_policy_that_says_where_it_comes_from(
    circadia: Callable[..., Any],
    coarse_grid: str,
    training: Training,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "COPIES", 1)
    run, out = tmp_path / "run.npz", tmp_path / "out" / "p.tflite"
    write_training(run, training)
    ended = circadia("policy", "export", run, out, "--json")
    assert ended.code == 0
    assert sorted(path.name for path in out.parent.iterdir()) == ["p.json", "p.tflite"]
    made = load_policy(out).manifest.made
    assert (made["problem"], made["arm"], made["seed"]) == (f"grid-{coarse_grid}", "coupled", 3)
    assert json.loads(ended.out)["total_variation"] == made["total_variation"]


def test_two_networks_are_refused(refused: Callable[..., str], training: Training, tmp_path: Path) -> None:
    run = tmp_path / "run.npz"
    layers = training.layers["actor"]
    write_training(run, replace(training, arm="separate", layers={"serve": layers, "other": layers}))
    message = refused("policy", "export", run, tmp_path / "p.tflite")
    assert "separate policy of seed 3 has two networks, serve and other" in message
    assert "export a coupled policy" in message


def test_a_problem_that_has_changed_since_is_named(
    refused: Callable[..., str], coarse_grid: str, training: Training, tmp_path: Path
) -> None:
    run = tmp_path / "run.npz"
    for changed in (replace(training, problem_digest="0"), replace(training, problem="grid-gone")):
        write_training(run, changed)
        message = refused("policy", "export", run, tmp_path / "p.tflite")
        assert "not what is shipped under that name today" in message
        assert "--problem or --grid" in message


def test_files_that_are_no_training_are_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "run.npz").write_text("nothing of the kind")
    assert "is no training, or damaged" in refused(
        "policy", "export", tmp_path / "run.npz", tmp_path / "p.tflite"
    )
    assert "no such file" in refused("policy", "export", tmp_path / "gone.npz", tmp_path / "p.tflite")
    assert "must end in .tflite" in refused("policy", "export", tmp_path / "run.npz", tmp_path / "p.bin")
    assert "--seed -2" in refused(
        "policy", "export", tmp_path / "run.npz", tmp_path / "p.tflite", "--seed", -2
    )
