"""Builds the shipped tasks, or checks that they can be built again.

    python -m circadia_lab.tasks.build digits [--out FOLDER] [--check] [--environment FOLDER]

TensorFlow stays out of this process: `digits_net.py` runs in an environment of its own, which the command
creates where `--environment` says (1.6 GB, a minute or two).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from circadia.errors import ConfigError
from circadia.learning.manifest import FORMAT_1
from circadia.learning.task_file import DATA, load_task
from circadia.learning.vectors import answers, probe_batch, summary
from circadia_lab.data.tasks.digits_data import load_digits_split
from circadia_lab.data.tasks.digits_numpy import (
    CLASSES,
    DigitsNet,
    initial_weights,
    patch_pixels,
    weight_shapes,
)
from circadia_lab.data.tasks.environment import ENVIRONMENT, run, tensorflow_python

if TYPE_CHECKING:
    from circadia.learning.task import Task

PRETRAINING_RATE = 0.2
TOLERANCE = 1e-4
"""Of test vectors: far above what interpreters differ by (1e-6), far below what a wrong operator does."""
SAME_WEIGHTS = 1e-3
"""Of pretrained constants: rounding grows over hundreds of steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that a shipped task is made from."""

    filters: int
    hidden: int
    frozen_tensors: int = 0
    """The first tensors, pretrained on the digits 0 to 4 only and kept in the file as constants."""
    pretraining_steps: int = 0
    seed: int = 1
    learning_rate: float
    train_batch: int = 16
    infer_batch: int = 32
    evaluate_batch: int = 64


RECIPES = {
    "digits": Recipe(filters=16, hidden=32, learning_rate=0.2),
    "digits-head": Recipe(filters=16, hidden=64, frozen_tensors=4, pretraining_steps=300, learning_rate=0.1),
}


def recipe_named(name: str) -> Recipe:
    """`ConfigError` for a task that is not shipped."""
    if name not in RECIPES:
        raise ConfigError(f"no recipe for a task {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]


def build_task(name: str, out_dir: Path, environment: Path = ENVIRONMENT) -> None:
    """Write `name.tflite`, `name.npz` (first weights) and `name.json` (manifest) to `out_dir`.

    The manifest's test vectors come from the NumPy net, so the file is checked against a second implementation.
    `PlatformUnavailable` when the TensorFlow environment cannot be made or converts nothing, `ArtifactError`
    when the result is wrong.
    """
    recipe = recipe_named(name)
    python = tensorflow_python(environment)
    net = DigitsNet(filters=recipe.filters, hidden=recipe.hidden)
    split_at = net.ends[recipe.frozen_tensors]
    frozen, first = pretrained(recipe)[:split_at], first_weights(recipe)[split_at:]
    out_dir.mkdir(parents=True, exist_ok=True)
    _convert(python, recipe, frozen, out_dir / f"{name}.tflite")
    np.savez_compressed(out_dir / f"{name}.npz", weights=first)
    manifest = _manifest(name, recipe, out_dir) | {"vectors": _vectors(recipe, net, frozen, first)}
    (out_dir / f"{name}.json").write_text(json.dumps(manifest, indent=2) + "\n")
    load_task(out_dir / f"{name}.json")


def first_weights(recipe: Recipe) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Seeded weights of all tensors."""
    return initial_weights(recipe.filters, recipe.hidden, recipe.seed)


def pretrained(recipe: Recipe) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Weights of all tensors, trained on the digits 0 to 4: another distribution than the task's."""
    net = DigitsNet(filters=recipe.filters, hidden=recipe.hidden)
    weights = initial_weights(recipe.filters, recipe.hidden, recipe.seed + 1)
    x, y, _, _ = load_digits_split(recipe.seed)
    x, y = x[y < CLASSES // 2], y[y < CLASSES // 2]
    random = np.random.default_rng(recipe.seed)
    mask = np.ones(recipe.train_batch, np.float32)
    for _ in range(recipe.pretraining_steps):
        rows = random.integers(0, len(x), recipe.train_batch)
        _, weights = net.step(x[rows], y[rows], mask, PRETRAINING_RATE, weights)
    return weights


def compare_with_shipped(name: str, built: Path, shipped: Path = DATA) -> list[str]:
    """What differs between the task in `built` and the shipped one; empty when they agree.

    They agree when manifest and first weights are the same, the models have the same operators in the same
    order and the same constants within `SAME_WEIGHTS`, and the built one gives the shipped test vectors' answers.
    """
    mine, theirs = (_compared(folder / f"{name}.json") for folder in (built, shipped))
    differences = [f"{key} differs" for key in theirs if mine[key] != theirs[key]]
    models = [(folder / f"{name}.tflite").read_bytes() for folder in (built, shipped)]
    if operators(models[0]) != operators(models[1]):
        differences.append("the operators differ")
    else:
        constants = [float_constants(model) for model in models]
        if not all(np.allclose(a, b, atol=SAME_WEIGHTS) for a, b in zip(*constants, strict=True)):
            differences.append(f"the constants differ by more than {SAME_WEIGHTS}")
    new, old = (load_task(folder / f"{name}.json") for folder in (built, shipped))
    if not np.allclose(new.initial_weights, old.initial_weights, atol=1e-6):
        differences.append("the first weights differ")
    return differences + _answers_differ(new, shipped / f"{name}.json")


def _answers_differ(task: Task, manifest: Path) -> list[str]:
    """The signatures whose answers to the shipped test vectors are not the shipped ones."""
    vectors = json.loads(manifest.read_text())["vectors"]
    return [
        f"the answers of {signature} differ"
        for signature, found in answers(task).items()
        if not np.allclose(found, vectors[signature], rtol=10 * TOLERANCE, atol=10 * TOLERANCE)
    ]


def operators(model: bytes) -> list[tuple[int, int]]:
    """(builtin code, version) of every operator of every signature, in order."""
    parsed = schema.ModelT.InitFromPackedBuf(model, 0)
    codes = [(int(code.builtinCode), int(code.version)) for code in parsed.operatorCodes]
    return [codes[op.opcodeIndex] for graph in parsed.subgraphs for op in graph.operators]


def float_constants(model: bytes) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    """The float32 constants in the file, in order."""
    parsed = schema.ModelT.InitFromPackedBuf(model, 0)
    return [
        np.asarray(data, np.uint8).view(np.float32)
        for graph in parsed.subgraphs
        for tensor in graph.tensors
        if tensor.type == schema.TensorType.FLOAT32
        and (data := parsed.buffers[tensor.buffer].data) is not None
    ]


def _compared(path: Path) -> dict[str, Any]:
    """The part of a manifest that has to be the same to the letter."""
    manifest = json.loads(path.read_text())
    return {
        key: manifest[key] for key in manifest if key not in {"model_sha256", "weights_sha256", "vectors"}
    }


def _convert(python: Path, recipe: Recipe, frozen: np.ndarray[Any, Any], out: Path) -> None:
    shapes = weight_shapes(recipe.filters, recipe.hidden)
    with tempfile.TemporaryDirectory() as folder:
        specification = Path(folder) / "specification.npz"
        np.savez(
            specification,
            patch_pixels=patch_pixels(),
            shapes=np.array([(*shape, 0)[:2] for shape in shapes]),
            frozen=frozen,
            train_batch=recipe.train_batch,
            infer_batch=recipe.infer_batch,
            evaluate_batch=recipe.evaluate_batch,
        )
        program = Path(__file__).with_name("digits_net.py")
        run([str(python), "-E", str(program), str(specification), str(out)], "converting the net")


def _manifest(name: str, recipe: Recipe, folder: Path) -> dict[str, Any]:
    files = {"model": f"{name}.tflite", "weights": f"{name}.npz"}
    hashes = {f"{k}_sha256": hashlib.sha256((folder / f).read_bytes()).hexdigest() for k, f in files.items()}
    sizes = [int(np.prod(shape)) for shape in weight_shapes(recipe.filters, recipe.hidden)]
    return {
        "format": FORMAT_1,
        "name": name,
        **files,
        **hashes,
        "labels": [str(digit) for digit in range(CLASSES)],
        "input_shape": [8, 8, 1],
        "batches": {
            "train": recipe.train_batch,
            "infer": recipe.infer_batch,
            "evaluate": recipe.evaluate_batch,
        },
        "parameters": sum(sizes[recipe.frozen_tensors :]),
        "learning_rate": recipe.learning_rate,
    }


def _vectors(
    recipe: Recipe, net: DigitsNet, frozen: np.ndarray[Any, Any], first: np.ndarray[Any, Any]
) -> dict[str, Any]:
    """The NumPy net's answers to `circadia.learning.vectors`."""
    w = np.concatenate([frozen, first])
    train, infer, evaluate = (
        probe_batch(n, (8, 8, 1), CLASSES)
        for n in (recipe.train_batch, recipe.infer_batch, recipe.evaluate_batch)
    )
    loss, trained = net.step(train["x"], train["y"], train["mask"], recipe.learning_rate, w)
    best = net.probabilities(evaluate["x"], w).argmax(1)
    correct = float(((best == evaluate["y"]) * evaluate["mask"]).sum())
    evaluated = net.loss(evaluate["x"], evaluate["y"], evaluate["mask"], w)
    vectors = {
        "train": [loss, *summary((trained - w)[len(frozen) :])],
        "infer": summary(net.probabilities(infer["x"], w).ravel()),
        "evaluate": [correct, evaluated],
    }
    return {key: [round(v, 6) for v in values] for key, values in vectors.items()} | {"tolerance": TOLERANCE}


def main(arguments: list[str] | None = None) -> int:
    """The command; 1 when `--check` finds a difference."""
    parser = argparse.ArgumentParser(prog="circadia_lab.tasks.build", description="Build a shipped task.")
    parser.add_argument("name", choices=list(RECIPES))
    parser.add_argument(
        "--out", type=Path, default=DATA, help="folder of the three files (default: the package's)"
    )
    parser.add_argument(
        "--check", action="store_true", help="build elsewhere and compare with the shipped task"
    )
    parser.add_argument(
        "--environment", type=Path, default=ENVIRONMENT, help="folder of the TensorFlow environment"
    )
    options = parser.parse_args(arguments)
    if not options.check:
        build_task(options.name, options.out, options.environment)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        build_task(options.name, Path(folder), options.environment)
        differences = compare_with_shipped(options.name, Path(folder))
    print(f"{options.name}: {'; '.join(differences) or 'the rebuilt task agrees with the shipped one'}")
    return 1 if differences else 0


if __name__ == "__main__":
    raise SystemExit(main())
