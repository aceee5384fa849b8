"""What of a task, and of a user's examples, does not fit, and by how much: all of it, not the first thing only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ArtifactError, ConfigError
from circadia.learning.manifest import read_manifest
from circadia.learning.npz import read_npz
from circadia.learning.signatures import SIGNATURES, declared
from circadia.learning.task import Task
from circadia.learning.task_file import manifest_of, read_file, read_weights
from circadia.learning.trainer import Trainer
from circadia.learning.vectors import agree, answers
from circadia.tflite.interpreter import open_interpreter
from circadia.tflite.model_file import check_model_file
from circadia.tflite.operations import operations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.learning.manifest import TaskManifest
    from circadia.learning.signatures import Declared
    from circadia.ports import OpenModel

ROUNDS = 5
"""Times that the examples are trained on, to see whether the task learns."""
HELD_OUT = 4
"""Of so many examples one is held out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str
    fits: bool
    detail: str


def check_task(
    path: str | Path, data: Path | None = None, open_model: OpenModel = open_interpreter
) -> list[Finding]:
    """Of a manifest and what it names, and of examples (`.npz` with x and y). Raises nothing for what does not fit.

    `ArtifactError` for a manifest that cannot be read at all, `PlatformUnavailable` without an interpreter.
    """
    manifest_path = manifest_of(path)
    manifest = read_manifest(manifest_path, read_file(manifest_path))
    found = list(_files(manifest, manifest_path, open_model))
    task = None
    if all(one.fits for one in found):
        task = _task(manifest, manifest_path, open_model)
        found += _answers(task, manifest, open_model)
        found.append(_work(task))
    if data is not None:
        found += _examples(manifest, task, data, open_model)
    return found


def _files(manifest: TaskManifest, path: Path, open_model: OpenModel) -> Iterator[Finding]:
    folder = path.parent
    yield _finding("labels", _labels(manifest), ", ".join(manifest.labels))
    rate = manifest.learning_rate
    wrong = "" if 0 < rate < np.inf else f"learning rate {rate} must be positive and finite"
    yield _finding("rate", wrong, f"learning rate {rate:g}")
    weights, complaint = _weights(manifest, folder)
    yield _finding("weights", complaint, f"{manifest.weights}: {weights.size} finite float32 numbers")
    try:
        model = read_file(folder / manifest.model)
        check_model_file(model, manifest.model)
        interpreter = open_model(model, name=manifest.model)
    except ArtifactError as error:
        yield Finding(what="model", fits=False, detail=str(error))
        return
    wrong = _hash(model, manifest.model_sha256, manifest.model)
    yield _finding("model", wrong, f"{manifest.model}: {len(model) / 1000:.0f} kB")
    try:
        told = declared(interpreter, manifest.name)
    except ArtifactError as error:
        yield Finding(what="signatures", fits=False, detail=str(error))
        return
    for detail in told.misfits:
        yield Finding(what="signatures", fits=False, detail=detail)
    yield from _numbers(manifest, weights.size, told)


def _work(task: Task) -> Finding:
    """What it costs; a net that cannot be counted fits as well."""
    try:
        step, answer = (operations(task.model, name, f"task {task.name}") for name in ("train", "infer"))
    except ArtifactError as error:
        return Finding(what="work", fits=True, detail=f"not foretold: {error}")
    told = (
        f"{what}: {counted.macs:,} multiply-accumulates, {counted.bytes / 1e6:.3g} MB, {counted.operators} operators"
        for what, counted in (("a step", step), (f"an invocation of {task.infer_batch} answers", answer))
    )
    return Finding(what="work", fits=True, detail="; ".join(told))


def _numbers(manifest: TaskManifest, weights: int, told: Declared) -> Iterator[Finding]:
    """What the model's signatures say against what the manifest says."""
    shape, wanted = told.input_shape, manifest.input_shape
    wrong = "" if shape == wanted else f"the model takes {list(shape)}, the manifest says {list(wanted)}"
    yield _finding("input", wrong, f"float32{list(shape)}")
    yield _compared("labels", len(manifest.labels), told.classes, f"the model answers {told.classes} classes")
    yield _compared("weights", weights, told.parameters, f"the model has {told.parameters} parameters")
    if manifest.parameters:
        said = f"the model has {told.parameters}"
        yield _compared("parameters", manifest.parameters, told.parameters, said)
    for name, rows in (manifest.batches or {}).items():
        if name not in told.batches:
            yield Finding(
                what="batches", fits=False, detail=f"{name}: no such signature; {', '.join(SIGNATURES)}"
            )
            continue
        said = f"{name}: the model takes {told.batches[name]} rows"
        yield _compared("batches", rows, told.batches[name], said)


def _compared(what: str, here: int, there: int, told: str) -> Finding:
    return _finding(what, "" if here == there else f"{told}, {here} are given: {_off(here, there)}", told)


def _finding(what: str, wrong: str, right: str) -> Finding:
    return Finding(what=what, fits=not wrong, detail=wrong or right)


def _off(found: int, wanted: int) -> str:
    return f"{abs(found - wanted)} too {'many' if found > wanted else 'few'}"


def _labels(manifest: TaskManifest) -> str:
    labels = manifest.labels
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        return f"{', '.join(twice)}: more than once; each label needs a name of its own"
    return "" if len(labels) > 1 else f"{len(labels)} label: there must be two or more"


def _hash(data: bytes, wanted: str, name: str) -> str:
    found = hashlib.sha256(data).hexdigest()
    return (
        f"{name}: SHA-256 {found[:12]}… is not the manifest's {wanted[:12]}…"
        if wanted not in {"", found}
        else ""
    )


def _weights(manifest: TaskManifest, folder: Path) -> tuple[NDArray[np.float32], str]:
    """The weights, and what is wrong with them."""
    try:
        data = read_file(folder / manifest.weights)
        weights = read_weights(data, folder / manifest.weights)
    except ArtifactError as error:
        return np.zeros(0, np.float32), str(error)
    if weights.ndim != 1:
        return (
            weights.ravel(),
            f"{manifest.weights}: of shape {list(weights.shape)}; they must be one flat list",
        )
    if broken := int((~np.isfinite(weights)).sum()):
        return weights, f"{manifest.weights}: {broken} of {weights.size} are NaN or infinite"
    return weights, _hash(data, manifest.weights_sha256, manifest.weights)


def _task(manifest: TaskManifest, path: Path, open_model: OpenModel) -> Task:
    weights, _ = _weights(manifest, path.parent)
    return Task.from_model(
        read_file(path.parent / manifest.model),
        name=manifest.name,
        labels=manifest.labels,
        input_shape=manifest.input_shape,
        initial_weights=weights,
        learning_rate=manifest.learning_rate,
        scaling=manifest.scaling,
        open_model=open_model,
    )


def _answers(task: Task, manifest: TaskManifest, open_model: OpenModel) -> Iterator[Finding]:
    yield Finding(
        what="identity", fits=True, detail=f"{task.identity.digest[:12]}… (model, labels and input)"
    )
    if manifest.vectors is None:
        yield Finding(what="vectors", fits=True, detail="the manifest has none: nothing to compare with")
        return
    tolerance = float(manifest.vectors.get("tolerance", 0.0))
    for signature, found in answers(task, open_model).items():
        wanted = manifest.vectors.get(signature)
        if wanted is None or len(wanted) != len(found):
            yield Finding(what="vectors", fits=False, detail=f"{signature}: {wanted} for {found}")
            continue
        off = float(np.max(np.abs(np.subtract(found, wanted))))
        fits = agree(signature, found, {**manifest.vectors, "tolerance": tolerance})
        yield Finding(
            what="vectors",
            fits=fits,
            detail=f"{signature}: off by {off:.1e} at most, allowed is about {tolerance:g}",
        )


# Examples


def _examples(
    manifest: TaskManifest, task: Task | None, path: Path, open_model: OpenModel
) -> Iterator[Finding]:
    try:
        x, y = map(np.atleast_1d, read_npz(path.read_bytes(), path, "x", "y"))
    except OSError as error:
        yield Finding(what="data", fits=False, detail=f"{path}: cannot be read ({error.strerror})")
        return
    except ArtifactError as error:
        yield Finding(what="data", fits=False, detail=str(error))
        return
    found = [*_inputs(manifest, x), *(_targets(manifest, x, y) if len(x) else ())]
    yield from found
    if task is not None and all(one.fits for one in found):
        yield _learning(task, x.astype(np.float32), y.astype(np.int32), open_model)


def _inputs(manifest: TaskManifest, x: NDArray[Any]) -> Iterator[Finding]:
    wanted = manifest.input_shape
    if x.dtype.kind not in "fiu":
        yield Finding(what="x", fits=False, detail=f"of type {x.dtype}; numbers are needed, float32 at best")
        return
    if x.shape[1:] != wanted:
        one, size = int(np.prod(x.shape[1:])), int(np.prod(wanted))
        hint = "the same numbers in another shape" if one == size else f"{_off(one, size)} of {size} numbers"
        yield Finding(
            what="x",
            fits=False,
            detail=f"rows of shape {list(x.shape[1:])}; the task takes {list(wanted)}: {hint}",
        )
        return
    if not len(x):
        yield Finding(what="x", fits=False, detail="no rows; at least one example is needed")
        return
    with np.errstate(over="ignore"):
        used = x.astype(np.float32)
    if broken := int((~np.isfinite(used)).reshape(len(x), -1).any(1).sum()):
        yield Finding(what="x", fits=False, detail=f"{broken} of {len(x)} rows hold NaN or infinity")
        return
    cast = "" if x.dtype == np.float32 else f", used as float32 ({x.dtype} here)"
    low, high = (float(edge(x)) for edge in (np.min, np.max))
    scaling = f"; the task says: {manifest.scaling}" if manifest.scaling else ""
    yield Finding(what="x", fits=True, detail=f"{len(x)} rows from {low:g} to {high:g}{cast}{scaling}")


def _targets(manifest: TaskManifest, x: NDArray[Any], y: NDArray[Any]) -> Iterator[Finding]:
    classes = len(manifest.labels)
    if y.dtype.kind not in "iu" or y.ndim != 1:
        yield Finding(
            what="y",
            fits=False,
            detail=f"{y.dtype}{list(y.shape)}; whole numbers are needed, one a row: 0 … {classes - 1}",
        )
        return
    if len(y) != len(x):
        yield Finding(
            what="y", fits=False, detail=f"{len(y)} labels for {len(x)} rows: {_off(len(y), len(x))}"
        )
        return
    out = int(((y < 0) | (y >= classes)).sum())
    if out:
        yield Finding(
            what="y", fits=False,
            detail=f"{out} of {len(y)} labels are not within 0 … {classes - 1}; they go from {y.min()} to {y.max()}",
        )  # fmt: skip
        return
    counts = np.bincount(y, minlength=classes)
    by_label = ", ".join(f"{label} {n}" for label, n in zip(manifest.labels, counts, strict=True))
    yield Finding(what="y", fits=True, detail=by_label)


def _learning(task: Task, x: NDArray[np.float32], y: NDArray[np.int32], open_model: OpenModel) -> Finding:
    """Trains on three quarters of them, `ROUNDS` times over, and judges on the rest. Nothing is kept."""
    order = np.random.default_rng(0).permutation(len(x))
    held, learned = order[::HELD_OUT], np.setdiff1d(order, order[::HELD_OUT])
    if not learned.size:
        return Finding(what="learning", fits=True, detail="one example is too few to try")
    trainer, random = Trainer(task, open_model), np.random.default_rng(1)
    try:
        before = trainer.evaluate(task.initial_weights, x[held], y[held])
        rounds = (random.permutation(learned) for _ in range(ROUNDS))
        batches = [
            ids[start : start + task.batch] for ids in rounds for start in range(0, len(ids), task.batch)
        ]
        weights, _ = trainer.train(task.initial_weights, [(x[ids], y[ids]) for ids in batches])
        after = trainer.evaluate(weights, x[held], y[held])
    except (ArtifactError, ConfigError) as error:
        return Finding(what="learning", fits=False, detail=str(error))
    detail = (
        f"accuracy {before.accuracy:.3f} → {after.accuracy:.3f}, loss {before.loss:.3f} → {after.loss:.3f} on {len(held)} "
        f"that were held out, after {len(batches)} steps"
    )
    return Finding(what="learning", fits=bool(np.isfinite(after.loss)), detail=detail)
