"""Trains and evaluates flat weight vectors through a task's signatures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ArtifactError, ConfigError
from circadia.tflite.interpreter import open_interpreter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from circadia.learning.task import Task
    from circadia.ports import OpenModel

    Labelled = tuple[NDArray[np.float32], ArrayLike]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How well weights do on labelled examples."""

    accuracy: float
    """Share of examples whose most probable label is the true one."""
    loss: float
    """Mean cross-entropy in nats."""


class Trainer:
    """Runs `train` and `evaluate` of one task on one thread; keeps no weights."""

    def __init__(self, task: Task, open_model: OpenModel = open_interpreter) -> None:
        self._task = task
        self._open_model = open_model
        self._rate = np.float32(task.learning_rate)
        self._train = _runner(task, "train", open_model)

    @cached_property
    def _evaluate(self) -> Any:
        """Made on first use: a device trains every hour and may never evaluate."""
        return _runner(self._task, "evaluate", self._open_model)

    def train(
        self, weights: NDArray[np.float32], batches: Iterable[Labelled], losses: list[float] | None = None
    ) -> tuple[NDArray[np.float32], float]:
        """One step of gradient descent per batch → (new weights, mean loss over the steps).

        Each step's loss joins `losses`.

        A batch is (x (n, …), y (n,)) with 1 ≤ n ≤ `task.batch`; shorter ones are padded and masked. `weights` is left
        as it was. `ConfigError` for a batch or weights of a wrong shape, or with NaN; `ArtifactError` when the loss
        or the weights become infinite or NaN: both name the batch, counted from 0.
        """
        w = checked_weights(self._task, weights)
        losses = [] if losses is None else losses
        for number, (x, y) in enumerate(batches):
            where = f"training batch {number}"
            inputs = pad(self._task, x, y, self._task.batch, where)
            out = self._train(**inputs, lr=self._rate, w=w)
            w = out["w"]
            losses.append(float(out["loss"]))
            if not math.isfinite(losses[-1]):
                raise self._diverged(where, losses[-1], inputs["x"])
        if not losses:
            raise ConfigError(f"task {self._task.name}: nothing to train on; give at least one batch")
        if not np.isfinite(w).all():
            raise self._diverged(where, losses[-1], inputs["x"])
        return np.array(w), float(np.mean(losses))

    def evaluate(self, weights: NDArray[np.float32], x: NDArray[np.float32], y: ArrayLike) -> Evaluation:
        """Accuracy and loss over all rows of x (n, …), y (n,); errors as for `train`."""
        w = checked_weights(self._task, weights)
        labels, step = np.asarray(y), self._task.evaluate_batch
        if not len(x) or len(x) != len(labels):
            raise ConfigError(f"{len(x)} inputs and {len(labels)} labels: nothing to evaluate on")
        correct = loss = 0.0
        for start in range(0, len(x), step):
            part = slice(start, start + step)
            out = self._evaluate(**pad(self._task, x[part], labels[part], step, f"rows from {start}"), w=w)
            correct += float(out["correct"])
            loss += float(out["loss"]) * len(labels[part])
        return Evaluation(accuracy=correct / len(labels), loss=loss / len(labels))

    def _diverged(self, where: str, loss: float, x: NDArray[np.float32]) -> Exception:
        if not np.isfinite(x).all():
            return ConfigError(f"{where}: x holds NaN or infinity; check the examples")
        return ArtifactError(
            f"task {self._task.name}: {where} diverged (loss {loss:g}); lower the task's learning rate "
            f"{self._task.learning_rate:g}, or start again from the federation's weights"
        )


def _runner(task: Task, signature: str, open_model: OpenModel) -> Any:
    """With an interpreter of its own: a held runner forbids every other use of its interpreter."""
    return open_model(task.model, name=task.name).get_signature_runner(signature)


def checked_weights(task: Task, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The weights as float32; `ConfigError` unless they are (parameters,) and finite."""
    w = np.asarray(weights, np.float32)
    if w.shape != (task.parameters,):
        raise ConfigError(f"task {task.name}: weights {w.shape} must be ({task.parameters},)")
    if not np.isfinite(w).all():
        raise ConfigError(f"task {task.name}: the weights hold NaN or infinity; take an earlier version")
    return w


def pad(task: Task, x: NDArray[np.float32], y: ArrayLike, batch: int, where: str) -> dict[str, NDArray[Any]]:
    """x, y and mask with `batch` rows; the runner would silently resize the model to any other shape."""
    rows, labels = np.asarray(x, np.float32), np.asarray(y)
    n = len(rows) if rows.ndim else 0
    if not 1 <= n <= batch or rows.shape[1:] != task.input_shape or labels.shape != (n,):
        raise ConfigError(
            f"{where}: x {rows.shape} and y {labels.shape} must be (n, {', '.join(map(str, task.input_shape))}) "
            f"and (n,) with 1 ≤ n ≤ {batch}"
        )
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= len(task.labels):
        raise ConfigError(f"{where}: labels must be whole numbers from 0 to {len(task.labels) - 1}")
    if n == batch:
        return {"x": rows, "y": labels.astype(np.int32, copy=False), "mask": np.ones(batch, np.float32)}
    padded = np.zeros((batch, *task.input_shape), np.float32)
    padded[:n] = rows
    targets = np.zeros(batch, np.int32)
    targets[:n] = labels
    mask = np.zeros(batch, np.float32)
    mask[:n] = 1
    return {"x": padded, "y": targets, "mask": mask}
