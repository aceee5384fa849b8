"""Rebuilding the shipped tasks. The slow ones need TensorFlow, in the environment that the command itself makes."""

from __future__ import annotations

import ast
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia.learning.task import Task
from circadia.learning.task_file import DATA, SHIPPED, load_task
from circadia.learning.trainer import Trainer
from circadia_lab.data.tasks import build
from circadia_lab.data.tasks.build import (
    RECIPES,
    build_task,
    compare_with_shipped,
    float_constants,
    main,
    operators,
)
from circadia_lab.data.tasks.digits_data import load_digits_split
from circadia_lab.data.tasks.environment import ENVIRONMENT

needs_tensorflow = pytest.mark.skipif(
    not (ENVIRONMENT / "circadia-ready").exists(),
    reason=f"no TensorFlow in {ENVIRONMENT}; `python -m circadia_lab.tasks.build digits --check` makes it",
)


@needs_tensorflow
@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_a_rebuilt_task_agrees_with_the_shipped_one(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--check"]) == 0
    assert "agrees with the shipped one" in capsys.readouterr().out


@needs_tensorflow
@pytest.mark.slow
def test_the_example_of_a_users_task_works(tmp_path: Path) -> None:
    shown = (Task.__doc__ or "").split("::\n")[1].split("And on the device")[0]
    program = "\n".join(line.removeprefix("        ") for line in shown.splitlines())
    assert len([line for line in program.splitlines() if line.strip()]) < 30
    done = subprocess.run(
        [ENVIRONMENT / "bin" / "python", "-E", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    task = Task.from_tflite(
        tmp_path / "net.tflite",
        labels="0123456789",
        input_shape=(8, 8, 1),
        initial_weights=np.zeros(650, np.float32),
        learning_rate=0.1,
    )
    x, y, test_x, test_y = load_digits_split(0)
    trainer = Trainer(task)
    batches = [(x[i : i + 16], y[i : i + 16]) for i in range(0, 1280, 16)]
    weights, _ = trainer.train(task.initial_weights, batches * 3)
    assert trainer.evaluate(weights, test_x, test_y).accuracy > 0.8


@pytest.mark.slow
def test_only_programs_of_their_own_import_tensorflow() -> None:
    """And nothing else of the workbench imports those."""
    folder = Path(build.__file__).parents[2]
    own = {"digits_net", "convert", "graph", "gradients"}
    for path in folder.rglob("*.py"):
        imported = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(str(node.module))
        assert path.stem in own or not imported & {"tensorflow", "keras"}, path
        assert path.stem in own or not imported & {f"circadia_lab.data.tasks.{name}" for name in own}, path


def test_the_comparison_finds_another_net() -> None:
    trained, frozen = ((DATA / f"{name}.tflite").read_bytes() for name in SHIPPED)
    assert operators(trained) != operators(frozen)
    assert sum(constant.size for constant in float_constants(frozen)) >= 9_000
    assert sum(constant.size for constant in float_constants(trained)) < 100


def test_the_comparison_finds_a_changed_manifest_and_changed_weights(tmp_path: Path) -> None:
    for path in DATA.glob("digits.*"):
        shutil.copy(path, tmp_path)
    np.savez(tmp_path / "digits.npz", weights=load_task("digits").initial_weights + np.float32(0.01))
    manifest = json.loads((tmp_path / "digits.json").read_text()) | {"learning_rate": 0.3}
    manifest["weights_sha256"] = hashlib.sha256((tmp_path / "digits.npz").read_bytes()).hexdigest()
    del manifest["vectors"]
    (tmp_path / "digits.json").write_text(json.dumps(manifest))
    differences = compare_with_shipped("digits", tmp_path)
    assert {"learning_rate differs", "the first weights differ", "the answers of train differ"} <= set(
        differences
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_task_agrees_with_itself(name: str) -> None:
    assert compare_with_shipped(name, DATA) == []


def test_there_is_a_recipe_for_every_shipped_task() -> None:
    assert tuple(RECIPES) == SHIPPED
    with pytest.raises(ConfigError, match="no recipe for a task 'letters'"):
        build_task("letters", Path("nowhere"))
