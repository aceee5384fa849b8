"""`circadia task check`: everything that does not fit is told, with by how much."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circadia import cli
from circadia.errors import ArtifactError
from circadia.learning.manifest import dump_manifest, read_manifest
from circadia.learning.npz import read_npz
from circadia.learning.task_check import check_task
from circadia.learning.task_file import DATA, SHIPPED, load_task
from circadia_lab.data.tasks.digits_data import load_digits_split

TASKS = Path(__file__).parents[1] / "tasks"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    for path in TASKS.glob("motion.*"):
        shutil.copy(path, tmp_path)
    return tmp_path / "motion.toml"


def change(path: Path, **values: Any) -> None:
    found = read_manifest(path, path.read_bytes())
    path.write_text(dump_manifest(dataclasses.replace(found, **values)))


def wrong(path: Path, data: Path | None = None) -> list[tuple[str, str]]:
    return [(one.what, one.detail) for one in check_task(path, data) if not one.fits]


@pytest.mark.parametrize("name", [*SHIPPED, str(TASKS / "motion.toml"), str(TASKS / "conv.toml")])
def test_a_sound_task_fits(name: str) -> None:
    found = check_task(name)
    assert all(one.fits for one in found)
    assert {"labels", "weights", "batches", "parameters", "vectors", "identity", "work"} <= {
        one.what for one in found
    }


def test_all_that_does_not_fit_is_told_at_once(manifest: Path) -> None:
    labels = ("Standing", "Running", "Walking", "Badminton", "Cycling")
    change(
        manifest,
        labels=labels,
        parameters=700,
        batches={"train": 32, "infer": 32, "evaluate": 60},
        input_shape=(20,),
    )
    assert wrong(manifest) == [
        ("input", "the model takes [18], the manifest says [20]"),
        ("labels", "the model answers 4 classes, 5 are given: 1 too many"),
        ("parameters", "the model has 740, 700 are given: 40 too few"),
        ("batches", "train: the model takes 16 rows, 32 are given: 16 too many"),
        ("batches", "evaluate: the model takes 64 rows, 60 are given: 4 too few"),
    ]


def test_labels_and_rate_that_cannot_be(manifest: Path) -> None:
    change(manifest, labels=("a", "b", "a", "b"), learning_rate=float("nan"))
    assert wrong(manifest) == [
        ("labels", "a, b: more than once; each label needs a name of its own"),
        ("rate", "learning rate nan must be positive and finite"),
    ]


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        (np.zeros(700, np.float32), "the model has 740 parameters, 700 are given: 40 too few"),
        (np.zeros((2, 370), np.float32), "of shape [2, 370]; they must be one flat list"),
        (np.full(740, np.nan, np.float32), "740 of 740 are NaN or infinite"),
    ],
)
def test_weights_that_do_not_fit(manifest: Path, weights: np.ndarray[Any, Any], told: str) -> None:
    np.savez(manifest.with_suffix(".npz"), weights=weights)
    change(manifest, weights_sha256="")
    ((what, detail),) = wrong(manifest)
    assert what == "weights"
    assert told in detail


def test_exchanged_and_missing_files(manifest: Path) -> None:
    shutil.copy(TASKS / "conv.tflite", manifest.with_suffix(".tflite"))
    assert ("model", "motion.tflite: SHA-256 ") in [(what, detail[:23]) for what, detail in wrong(manifest)]
    manifest.with_suffix(".tflite").write_bytes(b"TFL")
    assert wrong(manifest) == [("model", "motion.tflite: not a .tflite file (no identifier TFL3)")]
    manifest.with_suffix(".npz").unlink()
    assert [what for what, _ in wrong(manifest)] == ["weights", "model"]


def test_a_model_without_the_signatures(manifest: Path) -> None:
    path = manifest.with_suffix(".tflite")
    path.write_bytes(path.read_bytes().replace(b"evaluate", b"evacuate"))
    change(manifest, model_sha256="")
    ((what, detail),) = wrong(manifest)
    assert what == "signatures"
    assert "no signature 'evaluate'" in detail


def test_answers_that_are_off(manifest: Path) -> None:
    found = read_manifest(manifest, manifest.read_bytes())
    vectors = {**(found.vectors or {}), "infer": [0.0, 0.0]}
    change(manifest, vectors=vectors)
    ((what, detail),) = wrong(manifest)
    assert what == "vectors"
    assert detail.startswith("infer: off by ")


@pytest.mark.parametrize(
    ("x", "y", "told"),
    [
        (np.zeros((5, 17)), np.zeros(5, int), ("x", "rows of shape [17]; the task takes [18]: 1 too few of 18 numbers")),
        (np.zeros((5, 3, 6)), np.zeros(5, int), ("x", "rows of shape [3, 6]; the task takes [18]: the same numbers in another shape")),
        (np.zeros((0, 18)), np.zeros(1, int), ("x", "no rows; at least one example is needed")),
        (np.full((5, 18), 1e300), np.zeros(5, int), ("x", "5 of 5 rows hold NaN or infinity")),
        (np.full((5, 18), np.nan), np.zeros(5, int), ("x", "5 of 5 rows hold NaN or infinity")),
        (np.array([["a"] * 18] * 5), np.zeros(5, int), ("x", "of type <U1; numbers are needed, float32 at best")),
        (np.zeros((5, 18)), np.zeros(5), ("y", "float64[5]; whole numbers are needed, one a row: 0 … 3")),
        (np.zeros((5, 18)), np.array(["Walking"] * 5), ("y", "<U7[5]; whole numbers are needed, one a row: 0 … 3")),
        (np.zeros((5, 18)), np.zeros(7, int), ("y", "7 labels for 5 rows: 2 too many")),
        (np.zeros((5, 18)), np.array([0, 1, 4, 5, -1]), ("y", "3 of 5 labels are not within 0 … 3; they go from -1 to 5")),
    ],
)  # fmt: skip
def test_examples_that_do_not_fit(
    tmp_path: Path, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], told: tuple[str, str]
) -> None:
    np.savez(tmp_path / "x.npz", x=x, y=y)
    assert wrong(TASKS / "motion.toml", tmp_path / "x.npz") == [told]


def test_rows_that_are_undecided_may_be_counted_either_way(manifest: Path) -> None:
    found = read_manifest(manifest, manifest.read_bytes())
    assert found.vectors is not None
    correct, loss = found.vectors["evaluate"]
    for ties, off, fits in ((0, 1, False), (1, 1, True), (1, -1, True), (1, 2, False)):
        change(manifest, vectors={**found.vectors, "evaluate": [correct + off, loss], "ties": ties})
        assert (wrong(manifest) == []) is fits
    change(manifest, vectors={**found.vectors, "evaluate": [correct, loss + 0.01], "ties": 64})
    assert len(wrong(manifest)) == 1


def test_examples_that_are_none(tmp_path: Path) -> None:
    for name, data in (("junk", b"junk"), ("empty", b""), ("cut", b"PK\x03\x04 cut")):
        (tmp_path / f"{name}.npz").write_bytes(data)
    np.savez(tmp_path / "lacks.npz", y=np.zeros(3))
    with (tmp_path / "bare.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    for name in ("junk", "empty", "cut", "lacks", "bare"):
        ((what, detail),) = wrong(TASKS / "motion.toml", tmp_path / f"{name}.npz")
        assert what == "data"
        assert f"{name}.npz: is no .npz file with arrays x and y" in detail
    ((what, detail),) = wrong(TASKS / "motion.toml", tmp_path / "absent.npz")
    assert (what, "absent.npz: cannot be read (No such file" in detail) == ("data", True)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_file_of_examples_is_told_whatever_is_damaged(tmp_path: Path, save: Any) -> None:
    path, random = tmp_path / "x.npz", np.random.default_rng(0)
    save(path, x=np.zeros((8, 18), np.float32), y=np.zeros(8, int))
    sound = path.read_bytes()
    told = set()
    for _ in range(2000):
        damaged = np.frombuffer(sound, np.uint8).copy()
        damaged[random.integers(0, damaged.size, 3)] = random.integers(0, 256, 3)
        try:
            read_npz(damaged.tobytes(), path, "x", "y")
        except ArtifactError as error:
            told.add(type(error.__cause__))
    assert len(told) > 2


@pytest.mark.parametrize(
    ("change_of", "told"),
    [
        ({"tolerance": "x"}, "vectors.tolerance is 'x'; it must be a number"),
        ({"ties": "x"}, "vectors.ties is 'x'; it must be a number"),
        ({"ties": float("inf")}, "vectors.ties is inf; it must be a number"),
        ({"infer": 3}, "vectors.infer is 3; it must be a list of numbers"),
        ({"train": ["a", "b", "c"]}, "vectors.train is ['a', 'b', 'c']; it must be a list of numbers"),
    ],
)
def test_vectors_that_cannot_be_are_named(manifest: Path, change_of: dict[str, Any], told: str) -> None:
    found = read_manifest(manifest, manifest.read_bytes())
    change(manifest, vectors={**(found.vectors or {}), **change_of})
    for read in (check_task, load_task):
        with pytest.raises(ArtifactError, match=rf"motion\.toml: the manifest is wrong: {re.escape(told)}"):
            read(manifest)


def test_vectors_that_are_no_table_are_named(manifest: Path) -> None:
    change(manifest, vectors=None)
    manifest.write_text(manifest.read_text().replace("[input]", "vectors = [1]\n[input]"))
    with pytest.raises(ArtifactError, match=r"vectors are \[1\]; they must be a table"):
        load_task(manifest)


def test_examples_that_fit_are_learned_for_a_trial(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x, y, *_ = load_digits_split(0)
    np.savez(tmp_path / "x.npz", x=x[:400], y=y[:400])
    assert cli.main(["task", "check", str(TASKS / "conv.toml"), "--data", str(tmp_path / "x.npz")]) == 0
    told = capsys.readouterr().out
    assert "400 rows from 0 to 1" in told
    assert "learning     accuracy 0." in told
    assert told.endswith("conv.toml: all fits\n")


def test_a_rate_that_diverges_is_told(manifest: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    np.savez(tmp_path / "x.npz", x=1e6 * random.normal(size=(64, 18)), y=random.integers(0, 4, 64))
    change(manifest, learning_rate=1e30, vectors=None)
    ((what, detail),) = wrong(manifest, tmp_path / "x.npz")
    assert what == "learning"
    assert "lower the task's learning rate 1e+30" in detail


def test_the_command_ends_with_1_and_says_so_in_json(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(manifest, parameters=1)
    assert cli.main(["task", "check", str(manifest), "--json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["detail"] for line in lines if not line["fits"]] == [
        "the model has 740, 1 are given: 739 too few"
    ]
    assert cli.main(["task", "check", str(manifest)]) == 1
    assert capsys.readouterr().out.endswith("1 do not fit\n")
    assert cli.main(["task", "check", str(manifest.with_suffix(".tflite"))]) == 2
    assert "name its manifest" in capsys.readouterr().err


def test_no_manifest_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot be read"):
        check_task(tmp_path / "absent.toml")
    assert DATA.is_dir()
