"""`circadia task make`. What needs TensorFlow runs where the workbench has made its environment for it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

from circadia import cli
from circadia.commands.task import MAKERS
from circadia.errors import ArtifactError, ConfigError, PlatformUnavailable
from circadia.learning.manifest import read_manifest
from circadia.learning.task_check import check_task
from circadia.learning.task_file import load_task
from circadia.learning.trainer import Trainer
from circadia.tflite.interpreter import MODULES, VARIABLE
from circadia_lab.data.tasks import make
from circadia_lab.data.tasks.build import operators
from circadia_lab.data.tasks.environment import ENVIRONMENT, is_ready
from circadia_lab.data.tasks.make import Order, labels_of, make_task, source_of, tensorflow

TASKS = Path(__file__).parents[1] / "tasks"
PYTHON = str(ENVIRONMENT / "bin" / "python")
BATCHES = {"train": 16, "infer": 32, "evaluate": 64}
needs_tensorflow = pytest.mark.skipif(
    not is_ready(ENVIRONMENT),
    reason=f"no TensorFlow in {ENVIRONMENT}; `python -m circadia_lab.tasks.build digits --check` makes it",
)


def order(source: str, labels: str, **changes: object) -> Order:
    values: dict[str, object] = {
        "source": source if source.startswith("/") else f"{TASKS}/{source}",
        "labels": tuple(labels),
        "name": "made",
        "batches": dict(BATCHES),
        "learning_rate": 0.1,
    }
    return Order(**{**values, **changes})  # type: ignore[arg-type]


@needs_tensorflow
@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "labels", "parameters"),
    [
        ("nets.py:zoo", "ny", 2020),
        ("nets.py:series", "abcd", 356),
        ("modules.py:line", "abc", 80),
        ("modules.py:own", "0123456789", 650),
    ],
)
def test_a_net_becomes_a_task_that_answers_and_learns_as_the_net_itself(
    tmp_path: Path, source: str, labels: str, parameters: int
) -> None:
    """The test vectors are TensorFlow's own answers, with its own gradients: loading compares with them."""
    made = make_task(order(source, labels), tmp_path, PYTHON)
    task = load_task(made.manifest)
    assert (task.parameters, task.labels) == (parameters, tuple(labels))
    assert all(one.fits for one in check_task(made.manifest))
    random = np.random.default_rng(0)
    x = random.random((16, *task.input_shape)).astype(np.float32)
    y = random.integers(0, len(labels), 16)
    trainer = Trainer(task)
    weights, _ = trainer.train(task.initial_weights, [(x, y)] * 100)
    assert trainer.evaluate(weights, x, y).loss < trainer.evaluate(task.initial_weights, x, y).loss - 0.01


@needs_tensorflow
@pytest.mark.slow
def test_a_keras_file_becomes_the_task_that_is_kept_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("net.keras", "net.h5"):
        program = f"import nets; nets.motion().save({str(tmp_path / name)!r})"
        subprocess.run([PYTHON, "-E", "-c", program], cwd=TASKS, check=True, capture_output=True)
    kept = load_task(TASKS / "motion.toml")
    (tmp_path / "labels.txt").write_text("\n".join(kept.labels))
    words = ["--labels", str(tmp_path / "labels.txt"), "--out", str(tmp_path), "--scaling", kept.scaling]
    for name in ("net.keras", "net.h5"):
        assert cli.main(["task", "make", str(tmp_path / name), *words, "--python", PYTHON]) == 0
        told = capsys.readouterr().out
        assert "740 parameters" in told
        assert "replaced by builtin operators: BiasAdd (2), Relu (1)" in told
        task = load_task(tmp_path / "net.toml")
        assert (task.labels, task.name) == (kept.labels, "net")
        np.testing.assert_array_equal(task.initial_weights, kept.initial_weights)


@needs_tensorflow
@pytest.mark.slow
def test_a_layer_that_cannot_be_trained_is_named_and_its_head_can(tmp_path: Path) -> None:
    told = (
        r"nets\.py:recurrent: these layers cannot be trained on a device: memory \(While, .*freeze them .*"
        r"or train the last layer alone: --head"
    )
    with pytest.raises(ArtifactError, match=told):
        make_task(order("nets.py:recurrent", "abcd"), tmp_path, PYTHON)
    assert not list(tmp_path.iterdir())
    made = make_task(order("nets.py:recurrent", "abcd", head=True), tmp_path, PYTHON)
    assert (made.task.parameters, made.frozen) == (36, ("memory",))


@needs_tensorflow
@pytest.mark.slow
def test_what_cannot_become_a_task_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("def net():\n    raise RuntimeError('the data are missing')\n")
    (tmp_path / "net.keras").write_text("junk")
    for wanted, message in (
        (order("nets.py:open_shape", "ab"), r"takes inputs of shape \[None, None, 1\], which is open; fix it with --input-shape"),
        (order("nets.py:dilated", "ab"), r"cannot be trained on a device: holes \(\w+\); groups \(\w+\)"),
        (order("nets.py:sequence", "abcd"), r"answers with \[1, 5, 4\] for one row; a task answers with one number a class"),
        (order("nets.py:motion", "abc"), r"answers 4 classes, and --labels has 3: a, b, c"),
        (order("nets.py:nothing", "ab"), r"gave a int; a task is made of a Keras model, or of a tf\.Module"),
        (order(f"{broken}:net", "ab"), r"RuntimeError: the data are missing"),
        (order(str(tmp_path / "net.keras"), "ab"), r"Keras cannot load it"),
    ):  # fmt: skip
        with pytest.raises((ArtifactError, ConfigError, PlatformUnavailable), match=message):
            make_task(wanted, tmp_path / "out", PYTHON)
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match=r"net\.keras: File exists; name a folder that may be written to"):
        make_task(order("nets.py:motion", "abcd"), tmp_path / "net.keras", PYTHON)
    made = make_task(order("nets.py:open_shape", "ab", input_shape=(4, 4, 1)), tmp_path / "out", PYTHON)
    assert made.task.input_shape == (4, 4, 1)


# Without TensorFlow


@pytest.mark.parametrize("name", ["motion", "conv"])
def test_the_tasks_that_are_kept_here_are_whole(name: str) -> None:
    path = TASKS / f"{name}.toml"
    manifest = read_manifest(path, path.read_bytes())
    assert manifest.vectors is not None
    assert all(one.fits for one in check_task(path))
    # The first version of each operator: interpreters from 2.3 on have them all.
    assert {version for _, version in operators(path.with_suffix(".tflite").read_bytes())} == {1}


@pytest.mark.slow
@pytest.mark.parametrize("interpreter", MODULES)
@pytest.mark.parametrize("name", ["motion", "conv"])
def test_each_interpreter_answers_as_tensorflow_does(name: str, interpreter: str) -> None:
    pytest.importorskip(
        MODULES[interpreter].partition(".")[0], reason=f"no wheel of {interpreter} for this Python"
    )
    command = [sys.executable, "-m", "circadia", "task", "check", str(TASKS / f"{name}.toml")]
    environment = {**os.environ, VARIABLE: interpreter}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("net.tflite", "give a .keras or .h5 file, or FILE.py:FUNCTION"),
        ("net.py", "give a .keras or .h5 file, or FILE.py:FUNCTION"),
        ("net.keras", "no such file"),
        ("net.py:make", "no such file"),
    ],
)
def test_a_source_that_is_none_is_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        source_of(text)


def test_labels_are_words_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("on the left\n\nright \n")
    assert labels_of(str(tmp_path / "labels.txt")) == ("on the left", "right")
    assert labels_of("a, b,c") == ("a", "b", "c")
    (tmp_path / "labels.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"labels\.txt: is no text with a label a line"):
        labels_of(str(tmp_path / "labels.txt"))


def test_wrong_numbers_are_named() -> None:
    for changes, message in (
        ({"learning_rate": 0.0}, "the learning rate 0.0 positive"),
        ({"batches": BATCHES | {"infer": 0}}, "must be 1 or more"),
        ({"name": "../net"}, "--name '../net': use letters"),
        ({"labels": ("a", "b", "a")}, "--labels a, b, a: give two or more different names"),
        ({"labels": ("a", "")}, "give two or more different names"),
        ({"labels": ("a",)}, "give two or more different names"),
    ):
        with pytest.raises(ConfigError, match=message):
            order("nets.py:motion", **{"labels": "abcd", **changes})  # type: ignore[arg-type]


def test_without_tensorflow_the_command_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(make, "ENVIRONMENT", tmp_path)
    monkeypatch.setattr(make, "find_spec", lambda _name: None)
    with pytest.raises(
        PlatformUnavailable, match=r"pip install '\./tools\[tensorflow\]' in a checkout.*--python PATH"
    ):
        tensorflow("")
    assert tensorflow("/usr/bin/python3") == "/usr/bin/python3"


def test_an_interpreter_without_tensorflow_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlatformUnavailable, match="No module named"):
        make_task(order("nets.py:motion", "abcd"), tmp_path / "out", sys.executable)
    with pytest.raises(PlatformUnavailable, match="cannot be run"):
        make_task(order("nets.py:motion", "abcd"), tmp_path / "out", str(tmp_path / "python"))


def test_the_workbench_makes_tasks() -> None:
    (point,) = entry_points(group=MAKERS)
    assert point.load() is make.run


def test_a_device_has_no_maker(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("circadia.plugs.points_of", lambda _group: [])
    assert cli.main(["task", "make", "net.keras", "--labels", "a,b", "--out", "x"]) == 2
    assert "pip install './tools[tensorflow]'" in capsys.readouterr().err
