"""A finished training in a file: whole, or what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.errors import ArtifactError, ConfigError
from circadia_lab.policy.cmoppo.checkpoint import write_checkpoint
from circadia_lab.policy.env.fixed import NAMES
from circadia_lab.policy.study.digest import digest
from circadia_lab.policy.study.training_file import Training, read_training, write_training

if TYPE_CHECKING:
    from pathlib import Path


def test_it_comes_back_as_it_was(training: Training, tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    write_training(path, training)
    found = read_training(path)
    for field in fields(Training):
        ours, theirs = getattr(training, field.name), getattr(found, field.name)
        if field.name == "layers":
            for one, other in zip(ours["actor"], theirs["actor"], strict=True):
                assert np.array_equal(one.weights, other.weights)
                assert one.weights.dtype == other.weights.dtype
                assert np.array_equal(one.bias, other.bias)
                assert one.relu == other.relu
        else:
            assert np.array_equal(ours, theirs) if field.name == "multipliers" else ours == theirs
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.999])
def test_a_truncated_file_is_refused(training: Training, tmp_path: Path, share: float) -> None:
    path = tmp_path / "run.npz"
    write_training(path, training)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ArtifactError, match=r"run\.npz: is no training, or damaged"):
        read_training(path)


@pytest.mark.parametrize(
    "about", ["[]", "{}", "3", '{"format": "circadia-training-1"}', '{"format": "circadia-training-2"}', "{"]
)
def test_a_foreign_archive_is_refused(tmp_path: Path, about: str) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, about=np.array(about), x=np.zeros(3))
    with pytest.raises(ArtifactError, match=r"other\.npz"):
        read_training(path)


def test_files_that_are_no_archive_are_refused(tmp_path: Path) -> None:
    text, array = tmp_path / "a.npz", tmp_path / "b.npy"
    text.write_text("not at all")
    np.save(array, np.zeros(3))
    for path in (text, array, tmp_path):
        with pytest.raises(ArtifactError, match=path.name):
            read_training(path)
    with pytest.raises(ArtifactError, match="no such file; `circadia policy train` writes one"):
        read_training(tmp_path / "none.npz")


def test_a_checkpoint_is_not_finished(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint.npz"
    write_checkpoint(path, (np.zeros(3),), belongs_to={"version": 1}, notes={})
    with pytest.raises(
        ArtifactError, match=r"not a finished training .* finished by `circadia policy train --resume`"
    ):
        read_training(path)


def tampered(path: Path, change: dict[str, Any]) -> None:
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    about = {**json.loads(str(arrays.pop("about"))), **change}
    np.savez(path, about=np.array(json.dumps(about)), **arrays)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"actions": [*NAMES, "serve/remote"]}, r"trained for other actions \(serve/remote\)"),
        ({"actions": list(reversed(NAMES))}, r"trained for other actions \(their order\)"),
        ({"features": []}, "trained for other features .*battery_soc"),
        ({"networks": {"actor": [True, True, False]}}, "is no training, or damaged"),
    ],
)
def test_one_for_another_version_is_named(
    training: Training, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    path = tmp_path / "run.npz"
    write_training(path, training)
    tampered(path, change)
    with pytest.raises(ArtifactError, match=told):
        read_training(path)


def test_a_crash_while_writing_leaves_the_one_before(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.npz"
    write_training(path, training)
    before = path.read_bytes()

    def crash(file: Any, **arrays: Any) -> None:
        file.write(b"PK half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", crash)
    with pytest.raises(ConfigError, match="No space"):
        write_training(path, replace(training, seed=4))
    assert path.read_bytes() == before


def test_only_one_network_can_be_exported(training: Training) -> None:
    assert training.layers_of_one_network is training.layers["actor"]
    layers = training.layers["actor"]
    apart = replace(training, arm="separate", layers={"serve": layers, "other": layers})
    with pytest.raises(ArtifactError, match="separate policy of seed 3 has two networks, serve and other"):
        _ = apart.layers_of_one_network


def test_what_a_policy_file_says_about_its_training(training: Training) -> None:
    made = training.made()
    assert (made["problem"], made["problem_digest"], made["seed"]) == ("chain", "chain0", 3)
    assert made["config_digest"] == digest(training.config)
    assert made["feasible_share"] == pytest.approx(14 / 21)
    assert json.loads(json.dumps(made)) == made
