from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.errors import ArtifactError, ConfigError
from circadia.learning.task import Task
from circadia.learning.task_file import DATA, SHIPPED, load_task

if TYPE_CHECKING:
    from pathlib import Path

FILES = ("digits.tflite", "digits.npz", "digits.json")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in FILES:
        shutil.copy(DATA / name, tmp_path / name)
    return tmp_path / "digits.json"


def change(manifest: Path, **values: Any) -> None:
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | values))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_task_answers_its_test_vectors(name: str) -> None:
    task = load_task(name)
    assert task.name == name
    assert task.labels == tuple("0123456789")
    assert task.input_shape == (8, 8, 1)
    assert (task.batch, task.infer_batch, task.evaluate_batch) == (16, 32, 64)
    assert task.initial_weights.shape == (task.parameters,)
    assert len(task.digest) == 64
    assert not task.initial_weights.flags.writeable


def test_a_manifest_elsewhere_is_the_same_task(copy: Path) -> None:
    assert load_task(copy).digest == load_task(str(copy)).digest == load_task("digits").digest


def test_labels_are_known_by_name_and_number() -> None:
    task = load_task("digits")
    assert task.label_index("7") == task.label_index(7) == 7
    for unknown in ("ten", 10, -1):
        with pytest.raises(ConfigError, match="task digits knows 0, 1"):
            task.label_index(unknown)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy.parent / name).unlink()
    with pytest.raises(ArtifactError, match=f"{name}: cannot be read"):
        load_task(copy)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named(copy: Path, name: str) -> None:
    damaged = copy.parent / name
    damaged.write_bytes(damaged.read_bytes()[:-100])
    with pytest.raises(ArtifactError, match=name):
        load_task(copy)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format": "circadia-task/9"}, "circadia-task/9"),
        (
            {"labels": ["a", "b"]},
            r"infer, output 'probabilities' is float32\[32, 10\]; it must be float32\[32, 2\]",
        ),
        ({"labels": ["a"] * 10}, "different names"),
        ({"input_shape": [64]}, r"train, input 'x' is float32\[16, 8, 8, 1\]; it must be float32\[16, 64\]"),
        ({"learning_rate": 0}, "learning rate 0"),
        ({"learning_rate": "much"}, "could not convert"),
        ({"parameters": 1}, "parameters"),
        ({"batches": {"train": 1}}, "batches"),
        ({"labels": None}, "manifest is wrong"),
    ],
)
def test_a_manifest_that_does_not_fit_the_model_is_refused(
    copy: Path, values: dict[str, Any], message: str
) -> None:
    change(copy, **values)
    with pytest.raises(ArtifactError, match=message):
        load_task(copy)


def test_a_manifest_without_a_key_is_refused(copy: Path) -> None:
    manifest = json.loads(copy.read_text())
    del manifest["weights_sha256"]
    copy.write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="has no 'weights_sha256'"):
        load_task(copy)


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00"])
def test_something_else_than_a_manifest_is_refused(copy: Path, text: str) -> None:
    copy.write_text(text)
    with pytest.raises(ArtifactError, match=r"digits\.json"):
        load_task(copy)


@pytest.mark.parametrize("signature", ["train", "infer", "evaluate"])
def test_an_interpreter_that_answers_wrongly_is_found_out(copy: Path, signature: str) -> None:
    vectors = json.loads(copy.read_text())["vectors"]
    vectors[signature][1] += 0.01
    change(copy, vectors=vectors)
    with pytest.raises(ArtifactError, match=f"{signature} answers"):
        load_task(copy)


def own(path: Path, **values: Any) -> Task:
    defaults: dict[str, Any] = {
        "labels": "0123456789",
        "input_shape": (8, 8, 1),
        "initial_weights": np.zeros(5130, np.float32),
        "learning_rate": 0.1,
    }
    return Task.from_tflite(path, **(defaults | values))


def test_a_file_of_ones_own_needs_no_manifest() -> None:
    task = own(DATA / "digits.tflite")
    assert (task.name, task.batch, task.parameters) == ("digits", 16, 5130)
    assert task.digest == load_task("digits").digest


@pytest.mark.parametrize(
    "values",
    [
        {"initial_weights": np.zeros(7, np.float32)},
        {"initial_weights": np.full(5130, np.nan, np.float32)},
        {"learning_rate": float("nan")},
        {"labels": ["one"]},
    ],
)
def test_wrong_arguments_for_ones_own_file_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="task digits"):
        own(DATA / "digits.tflite", **values)


@pytest.mark.parametrize(
    "noise", [b"", b"TFL3", b"\x1c\x00\x00\x00TFL3", b"\x1c\x00\x00\x00TFL3" + b"\xff" * 64]
)
def test_bytes_that_are_no_model_are_refused(tmp_path: Path, noise: bytes) -> None:
    path = tmp_path / "noise.tflite"
    path.write_bytes(noise)
    with pytest.raises(ArtifactError, match="noise"):
        own(path)


@pytest.mark.parametrize("kept", [0.001, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999])
def test_a_truncated_model_is_refused_before_an_interpreter_crashes_on_it(
    tmp_path: Path, kept: float
) -> None:
    whole = (DATA / "digits.tflite").read_bytes()
    path = tmp_path / "half.tflite"
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(ArtifactError, match="task half"):
        own(path)


def test_a_model_without_the_signatures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.tflite"
    path.write_bytes((DATA / "digits.tflite").read_bytes().replace(b"evaluate", b"evacuate"))
    with pytest.raises(ArtifactError, match="no signature 'evaluate'"):
        own(path)
