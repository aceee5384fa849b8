"""A task in files: a manifest, the `.tflite` and the initial weights beside it. Two for handwritten digits are shipped."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ArtifactError, ConfigError
from circadia.learning.manifest import read_manifest
from circadia.learning.npz import read_npz
from circadia.learning.task import Task
from circadia.learning.vectors import agree, answers
from circadia.tflite.interpreter import open_interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from circadia.learning.manifest import TaskManifest
    from circadia.ports import OpenModel

DATA = Path(__file__).parent / "data"
SHIPPED = ("digits", "digits-head")
KERAS = (".keras", ".h5", ".hdf5")


def load_task(path: str | Path, open_model: OpenModel = open_interpreter) -> Task:
    """A task from its manifest (`.toml`; `.json` of release 0.1), or one of `SHIPPED` by name.

    Checks the manifest, the hashes of the two files that it names, the signatures, and the answers to the manifest's
    test vectors on this machine's interpreter; `ArtifactError` names the file and what is wrong with it. The files'
    paths are relative to the manifest.
    """
    manifest_path = manifest_of(path)
    manifest = read_manifest(manifest_path, read_file(manifest_path))
    try:
        task = _from_manifest(manifest, manifest_path, open_model)
        _try_vectors(task, manifest.vectors, open_model)
    except KeyError as error:
        raise ArtifactError(f"{manifest_path}: the manifest has no {error}; build the task again") from error
    except (TypeError, ConfigError) as error:
        raise ArtifactError(f"{manifest_path}: the manifest is wrong: {error}") from error
    return task


def manifest_of(path: str | Path) -> Path:
    """Where the manifest lies; `ArtifactError` for what cannot be one, with what to do."""
    found = DATA / f"{path}.json" if str(path) in SHIPPED else Path(path)
    beside = found.with_suffix(".toml")
    name_it = (
        f"name its manifest {beside}" if beside.is_file() else "name a manifest (docs/reference/task.md)"
    )
    if found.is_dir():
        raise ArtifactError(f"{found}: is a folder; name the manifest in it, a .toml")
    if found.suffix.lower() in KERAS:
        raise ArtifactError(
            f"{found}: is a Keras model; `circadia task make {found} --labels … --out FOLDER` makes a task of it"
        )
    if found.suffix.lower() in {".tflite", ".npz"}:
        raise ArtifactError(f"{found}: is a part of a task, not its manifest; {name_it}")
    return found


def _from_manifest(manifest: TaskManifest, path: Path, open_model: OpenModel) -> Task:
    model = _verified(path.parent / manifest.model, manifest.model_sha256)
    weights_path = path.parent / manifest.weights
    task = Task.from_model(
        model,
        name=manifest.name,
        labels=manifest.labels,
        input_shape=manifest.input_shape,
        initial_weights=read_weights(_verified(weights_path, manifest.weights_sha256), weights_path),
        learning_rate=manifest.learning_rate,
        scaling=manifest.scaling,
        open_model=open_model,
    )
    batches = {"train": task.batch, "infer": task.infer_batch, "evaluate": task.evaluate_batch}
    if manifest.batches not in (None, batches) or manifest.parameters not in {0, task.parameters}:
        raise ArtifactError(
            f"{path}: batches or parameters are not those of {manifest.model}; `circadia task check` says by how much"
        )
    return task


def read_file(path: Path) -> bytes:
    """`ArtifactError` for a file that cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"{path}: cannot be read ({error.strerror}); shipped tasks: {', '.join(SHIPPED)}"
        ) from error


def _verified(path: Path, sha256: str) -> bytes:
    data = read_file(path)
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise ArtifactError(
            f"{path}: SHA-256 differs from the manifest's; the file is damaged or was exchanged"
        )
    return data


def read_weights(data: bytes, path: Path) -> NDArray[np.float32]:
    """The array `weights` of an .npz file's bytes; `ArtifactError` when there is none."""
    (weights,) = read_npz(data, path, "weights")
    if weights.dtype.kind not in "fiu":
        raise ArtifactError(f"{path}: the weights are of type {weights.dtype}; they must be float32 numbers")
    return weights.astype(np.float32)


def _try_vectors(task: Task, vectors: Mapping[str, Any] | None, open_model: OpenModel) -> None:
    if vectors is None:
        return
    for signature, found in answers(task, open_model).items():
        if not agree(signature, found, vectors):
            raise ArtifactError(
                f"task {task.name}: {signature} answers {found} to the test vectors instead of {vectors[signature]}; "
                "this interpreter computes the model wrongly"
            )
