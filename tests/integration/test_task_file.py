from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia.errors import ArtifactError, ConfigError
from circadia.learning.manifest import TaskManifest, dump_manifest, read_manifest
from circadia.learning.task import Task
from circadia.learning.task_file import DATA, SHIPPED, load_task

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


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("digits.tflite", r"is a part of a task, not its manifest; name a manifest"),
        ("digits.npz", r"is a part of a task, not its manifest"),
        (
            "net.keras",
            r"is a Keras model; `circadia task make .*net\.keras --labels … --out FOLDER` makes a task of it",
        ),
        ("net.H5", r"is a Keras model"),
        ("", r"is a folder; name the manifest in it"),
    ],
)
def test_what_is_no_manifest_is_told_what_to_do(copy: Path, name: str, told: str) -> None:
    with pytest.raises(ArtifactError, match=told):
        load_task(copy.parent / name)


def test_the_manifest_beside_a_model_is_named(copy: Path) -> None:
    (copy.parent / "digits.toml").write_text("")
    with pytest.raises(ArtifactError, match=r"digits\.tflite: is a part .* name its manifest .*digits\.toml"):
        load_task(copy.parent / "digits.tflite")


@pytest.mark.parametrize("noise", [b"\xff\xfe", (DATA / "digits.tflite").read_bytes(), b"PK\3\4\x80"])
def test_bytes_that_are_no_text_are_no_codecs_error(copy: Path, noise: bytes) -> None:
    copy.write_bytes(noise)
    with pytest.raises(
        ArtifactError, match=r"digits\.json: not a task's manifest, which is a text"
    ) as caught:
        load_task(copy)
    assert "codec" not in str(caught.value)


# The format of today


def as_toml(copy: Path, **changes: Any) -> Path:
    manifest = dataclasses.replace(read_manifest(copy, copy.read_bytes()), **changes)
    path = copy.with_suffix(".toml")
    path.write_text(dump_manifest(manifest))
    return path


def test_a_manifest_in_toml_is_the_same_task(copy: Path) -> None:
    path = as_toml(copy)
    assert read_manifest(path, path.read_bytes()) == read_manifest(copy, copy.read_bytes())
    assert load_task(path).identity == load_task(copy).identity


def test_what_a_manifest_may_leave_out(copy: Path) -> None:
    path = as_toml(copy, model_sha256="", weights_sha256="", parameters=0, batches=None, vectors=None)
    assert {line for line in path.read_text().splitlines() if line.startswith("[")} == {
        "[input]",
        "[model]",
        "[weights]",
    }
    assert load_task(path).identity == load_task(copy).identity


def test_files_are_looked_for_beside_the_manifest(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = as_toml(copy, model="parts/net.tflite", weights="../weights.npz")
    home = tmp_path / "a" / "b"
    (home / "parts").mkdir(parents=True)
    shutil.move(path, home / "task.toml")
    shutil.move(tmp_path / "digits.tflite", home / "parts" / "net.tflite")
    shutil.move(tmp_path / "digits.npz", tmp_path / "a" / "weights.npz")
    monkeypatch.chdir(tmp_path)
    assert load_task("a/b/task.toml").name == "digits"


@given(
    labels=st.lists(st.text(), max_size=4),
    scaling=st.text(),
    name=st.text(),
    rate=st.floats(1e-9, 1e9),
    vectors=st.none() | st.just({"tolerance": 1e-4, "train": [0.1, -2e-7], "infer": [1.0, 2.0]}),
)
def test_a_manifest_is_read_as_it_was_written(
    labels: list[str], scaling: str, name: str, rate: float, vectors: dict[str, Any] | None
) -> None:
    manifest = TaskManifest(
        name=name, labels=tuple(labels), learning_rate=rate, input_shape=(2, 3), scaling=scaling, model="a b.tflite",
        weights="w.npz", parameters=7, batches={"train": 1, "infer": 2, "evaluate": 3}, vectors=vectors,
    )  # fmt: skip
    text = dump_manifest(manifest)
    assert read_manifest(Path("x.toml"), text.encode()) == manifest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'format = "circadia-task/2"',
            'format = "circadia-task/3"',
            "format 'circadia-task/3'; this version reads",
        ),
        ("shape = [8, 8, 1]", "shape = [8.5]", "the input's shape is"),
        ("shape = [8, 8, 1]", "shape = []", "the input's shape is"),
        ('dtype = "float32"', 'dtype = "int8"', "input.dtype is 'int8'; tasks take float32"),
        ("[model]", "[modell]", "has no 'model'"),
        ("learning_rate = 0.2", 'learning_rate = "fast"', "could not convert"),
        ("learning_rate = 0.2", "learning_rate = nan", "learning rate nan"),
        ("[input]", "[input", "not a task's manifest"),
        ("train = 16", "train = 17", "batches or parameters are not those of digits.tflite"),
    ],
)
def test_what_is_wrong_in_toml_is_named(copy: Path, old: str, new: str, message: str) -> None:
    path = as_toml(copy)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(ArtifactError, match=rf"digits\.toml: .*{re.escape(message)}"):
        load_task(path)
