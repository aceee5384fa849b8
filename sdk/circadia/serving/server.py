"""Answers requests through a task's `infer` signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ArtifactError, ConfigError
from circadia.tflite.interpreter import open_interpreter

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from circadia.learning.task import Task
    from circadia.ports import OpenModel


class Server:
    """Runs `infer` of one task on one thread; keeps no weights."""

    def __init__(self, task: Task, open_model: OpenModel = open_interpreter) -> None:
        self._task = task
        self._open_model = open_model
        self._infer = open_model(task.model, name=task.name).get_signature_runner("infer")

    def twin(self) -> Server:
        """The same with an interpreter of its own, for another thread."""
        return Server(self._task, self._open_model)

    def infer(self, weights: NDArray[np.float32], xs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Answer: xs (n, …) → probabilities (n, classes), in batches padded with zeros; n may be 0.

        `ConfigError` for weights or xs of a wrong shape, `ArtifactError` when an answer is NaN or infinite.
        """
        task = self._task
        w, rows = np.asarray(weights, np.float32), np.asarray(xs, np.float32)
        if w.shape != (task.parameters,):
            raise ConfigError(f"task {task.name}: weights {w.shape} must be ({task.parameters},)")
        if rows.shape[1:] != task.input_shape or rows.ndim != 1 + len(task.input_shape):
            raise ConfigError(f"task {task.name}: inputs {rows.shape} must be {('n', *task.input_shape)}")
        answers = np.empty((len(rows), len(task.labels)), np.float32)
        for start in range(0, len(rows), task.infer_batch):
            part = rows[start : start + task.infer_batch]
            padded = np.zeros((task.infer_batch, *task.input_shape), np.float32)
            padded[: len(part)] = part
            answers[start : start + len(part)] = self._infer(x=padded, w=w)["probabilities"][: len(part)]
        if not np.isfinite(answers).all():
            raise ArtifactError(f"task {task.name}: infer answered NaN; check its weights and inputs")
        return answers


def check_input(task: Task, x: ArrayLike) -> NDArray[np.float32]:
    """A float32 copy of one input; `ConfigError` unless it is numbers of `task.input_shape`, all finite."""
    given = np.asarray(x)
    if given.dtype.kind not in "fiu":
        raise ConfigError(f"input of type {given.dtype}: task {task.name} expects numbers, float32 at best")
    if given.shape != task.input_shape:
        raise ConfigError(f"input of shape {given.shape}: task {task.name} expects {task.input_shape}")
    checked = np.array(given, np.float32)
    if not np.isfinite(checked).all():
        raise ConfigError(f"input with NaN or infinity: task {task.name} expects finite numbers")
    return checked
