"""A task in files: a manifest, the `.tflite` and the initial weights beside it. Two for handwritten digits are shipped."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ArtifactError
from circadia.learning.task import Task
from circadia.learning.vectors import answers
from circadia.tflite.interpreter import open_interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from circadia.ports import OpenModel

FORMAT = "circadia-task/1"
DATA = Path(__file__).parent / "data"
SHIPPED = ("digits", "digits-head")


def load_task(path: str | Path, open_model: OpenModel = open_interpreter) -> Task:
    """A task from its manifest (`.json`), or one of `SHIPPED` by name.

    Checks the manifest, the hashes of the two files beside it, the signatures, and the answers to the manifest's
    test vectors on this machine's interpreter; `ArtifactError` names the file and what is wrong with it.
    """
    manifest_path = DATA / f"{path}.json" if str(path) in SHIPPED else Path(path)
    manifest = _manifest(manifest_path)
    try:
        task = _from_manifest(manifest, manifest_path, open_model)
        _try_vectors(task, manifest.get("vectors"), open_model)
    except KeyError as error:
        raise ArtifactError(f"{manifest_path}: the manifest has no {error}; build the task again") from error
    except (TypeError, ValueError) as error:
        raise ArtifactError(f"{manifest_path}: the manifest is wrong: {error}") from error
    return task


def _manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(_read(path))
    except ValueError as error:
        raise ArtifactError(f"{path}: not a task's manifest: {error}") from error
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if found != FORMAT:
        raise ArtifactError(f"{path}: format {found!r}; this version reads {FORMAT!r}")
    return dict(manifest)


def _from_manifest(manifest: Mapping[str, Any], path: Path, open_model: OpenModel) -> Task:
    model = _verified(path.parent / manifest["model"], manifest["model_sha256"])
    weights_path = path.parent / manifest["weights"]
    weights = _weights(_verified(weights_path, manifest["weights_sha256"]), weights_path)
    task = Task.from_model(
        model,
        name=str(manifest["name"]),
        labels=tuple(str(label) for label in manifest["labels"]),
        input_shape=tuple(int(n) for n in manifest["input_shape"]),
        initial_weights=weights,
        learning_rate=float(manifest["learning_rate"]),
        open_model=open_model,
    )
    batches = {"train": task.batch, "infer": task.infer_batch, "evaluate": task.evaluate_batch}
    if (manifest["batches"], manifest["parameters"]) != (batches, task.parameters):
        raise ArtifactError(f"{path}: batches or parameters are not those of {manifest['model']}")
    return task


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"{path}: cannot be read ({error.strerror}); shipped tasks: {', '.join(SHIPPED)}"
        ) from error


def _verified(path: Path, sha256: str) -> bytes:
    data = _read(path)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ArtifactError(
            f"{path}: SHA-256 differs from the manifest's; the file is damaged or was exchanged"
        )
    return data


def _weights(data: bytes, path: Path) -> NDArray[np.float32]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return np.array(arrays["weights"], np.float32)
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path}: holds no array `weights`: {error}") from error


def _try_vectors(task: Task, vectors: Mapping[str, Any] | None, open_model: OpenModel) -> None:
    if vectors is None:
        return
    for signature, found in answers(task, open_model).items():
        if not np.allclose(found, vectors[signature], rtol=vectors["tolerance"], atol=vectors["tolerance"]):
            raise ArtifactError(
                f"task {task.name}: {signature} answers {found} to the test vectors instead of {vectors[signature]}; "
                "this interpreter computes the model wrongly"
            )
