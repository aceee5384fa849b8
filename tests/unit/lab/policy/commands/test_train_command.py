"""`circadia policy train`: four files, or none and one line."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia import cli
from circadia.policy.artifact import load_policy
from circadia_lab.policy.cmoppo.progress import ProgressView
from circadia_lab.policy.commands import train as command
from circadia_lab.policy.env.problem import CostLimits
from circadia_lab.policy.oracle import grids
from circadia_lab.policy.study import ground
from circadia_lab.policy.study.training_file import read_training

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from circadia_lab.policy.cmoppo.config import Config
    from circadia_lab.policy.cmoppo.history import Progress
    from circadia_lab.policy.oracle.spec import GridSpec

PNG = b"\x89PNG\r\n\x1a\n"
FILES = ["p.curve.png", "p.json", "p.npz", "p.tflite"]
PHONE = '[[devices]]\nprofile = "pixel-3"\nscenario = "phone"\n'


@pytest.fixture
def small(tiny: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer devices and smaller networks than a real training has."""
    monkeypatch.setattr(ground.GridGround, "config", tiny)
    monkeypatch.setattr(ground, "BATCH", 24)
    monkeypatch.setattr(command, "EXPORT_COPIES", 1)


@pytest.mark.slow
@pytest.mark.usefixtures("quick", "small")
def test_it_writes_policy_training_and_curve(
    circadia: Callable[..., Any], coarse_grid: str, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "p.tflite"
    words = ("policy", "train", "--grid", coarse_grid, "--steps", 192, "--seed", 7, "--out", out)
    ended = circadia(*words, "--json")
    assert ended.code == 0
    assert sorted(path.name for path in out.parent.iterdir()) == FILES
    found = json.loads(ended.out)
    assert (found["policy"], found["steps"]) == (str(out), 192)
    assert np.isfinite([x for x in found.values() if isinstance(x, float)]).all()
    manifest = load_policy(out).manifest
    assert manifest.made["problem"] == f"grid-{coarse_grid}"
    assert manifest.made["seed"] == 7
    assert manifest.made["total_variation"] == found["total_variation"]
    training = read_training(out.with_suffix(".npz"))
    assert (training.seed, training.steps) == (7, 192)
    assert out.with_suffix(".curve.png").read_bytes().startswith(PNG)

    first = {name: (out.parent / name).read_bytes() for name in ("p.json", "p.tflite", "p.curve.png")}
    again = circadia(*words)
    assert again.code == 0
    assert again.out.startswith(f"{out}: 0.0 M ticks")
    assert first == {name: (out.parent / name).read_bytes() for name in first}


@pytest.mark.slow
@pytest.mark.usefixtures("quick", "small")
def test_ctrl_c_leaves_a_checkpoint_and_says_how_to_go_on(
    circadia: Callable[..., Any], coarse_grid: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("policy", "train", "--grid", coarse_grid, "--out", tmp_path / "p.tflite")
    show = ProgressView.__call__

    def stop(view: ProgressView, progress: Progress) -> None:
        show(view, progress)
        if progress.updates == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(ProgressView, "__call__", stop)
    ended = circadia(*words)
    assert ended.code == 130
    assert [path.name for path in tmp_path.iterdir()] == ["p.checkpoint.npz"]
    hint = f"circadia policy train --grid {coarse_grid} --seed 0 --out {tmp_path}/p.tflite --resume"
    assert hint in ended.err
    monkeypatch.setattr(ProgressView, "__call__", show)
    again = circadia(*words)
    assert again.code == 2
    assert "a training was interrupted here; add --resume to go on, or remove it" in again.err
    assert circadia(*words, "--resume").code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--seed", -1), "--seed -1: must not be negative"),
        (("--problem", "defualt"), "unknown problem 'defualt'; there are mixture, board, "),
        (("--problem", "none.toml"), "problem none.toml: "),
        (("--grid", "phon"), "unknown grid 'phon'; there are phone, "),
        (("--steps", 0), "steps is 0; it must be 1 or more"),
        (("--steps", -5), "steps is -5"),
        (("--out", "p.bin"), "--out p.bin: must end in .tflite"),
        (("--checkpoint", "c.pickle"), "--checkpoint c.pickle: must end in .npz"),
        (("--resume",), "does not exist; train without --resume first"),
    ],
)
def test_what_is_wrong_is_named(
    refused: Callable[..., str], tmp_path: Path, coarse_grid: str, words: tuple[object, ...], told: str,
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    if words == ("--resume",):  # gets as far as the trainer
        request.getfixturevalue("quick")
        request.getfixturevalue("small")
        words = ("--grid", coarse_grid, *words)
    assert told in refused("policy", "train", *words)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PHONE + "[costs]\nexpired = 0\n", "costs.expired is 0; it must lie in (0, 1]"),
        (PHONE + "[costs]\nstale = 1.5\n", "costs.stale is 1.5"),
        (PHONE + "[costs]\nexpird = 0.1\n", "unknown key costs.'expird'; did you mean 'expired'?"),
        ("name = 'mine'\n", "devices must be a list of tables"),
        (PHONE.replace("pixel-3", "pixel-33"), "pixel-33"),
        ("devices = [", "problem "),
    ],
)
def test_a_problem_s_mistakes_are_named_before_anything_is_trained(
    refused: Callable[..., str], tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    message = refused("policy", "train", "--problem", path, "--out", tmp_path / "p.tflite")
    assert told in message
    assert "mine.toml" in message


def test_limits_that_nobody_can_keep_are_named_before_training(
    refused: Callable[..., str], coarse_phone: GridSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hard = replace(coarse_phone, name="hard", costs=CostLimits(expired=0.1, stale=0.3, old=1e-3))
    monkeypatch.setitem(grids.GRIDS, "hard", lambda: hard)
    message = refused("policy", "train", "--grid", "hard", "--out", tmp_path / "p.tflite")
    assert "old must average at most 0.001" in message


def test_a_place_that_cannot_be_written_is_named_at_once(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot write to" in refused("policy", "train", "--out", tmp_path / "file" / "p.tflite")
    (tmp_path / "p.tflite").mkdir()
    assert "is a folder; name a file" in refused("policy", "train", "--out", tmp_path / "p.tflite")


def test_words_that_make_no_sense_are_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--seed", "x"], ["--steps", "1.5"], ["--grid", "phone", "--problem", "solar"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(["policy", "train", *words])
        assert ended.value.code == 2
        assert "error: argument" in capsys.readouterr().err
