"""A task's test vectors: what its signatures answer to a batch made by a formula."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.tflite.interpreter import open_interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from circadia.learning.task import Task
    from circadia.ports import OpenModel


def probe_batch(n: int, input_shape: tuple[int, ...], classes: int) -> dict[str, NDArray[Any]]:
    """The test vectors' batch: xᵢ = (7919 i mod 17) / 16, yᵢ = i mod classes, the last row masked out."""
    size = n * int(np.prod(input_shape))
    x = (np.arange(size) * 7919 % 17 / 16).astype(np.float32).reshape(n, *input_shape)
    mask = np.ones(n, np.float32)
    mask[-1] = 0
    return {"x": x, "y": (np.arange(n) % classes).astype(np.int32), "mask": mask}


def summary(change: NDArray[np.float32]) -> list[float]:
    """Two numbers that hardly agree by chance: |c| and Σ cᵢ cos i."""
    wide = change.astype(np.float64)
    return [float(np.linalg.norm(wide)), float(wide @ np.cos(np.arange(wide.size)))]


def agree(signature: str, found: Sequence[float], vectors: Mapping[str, Any]) -> bool:
    """Whether a signature's answers are those of a manifest's vectors, within their tolerance.

    `vectors["ties"]` rows of the batch are undecided between two labels, as those of a net that has learned nothing may be:
    by so many `correct` may be off.
    """
    tolerance, wanted = float(vectors["tolerance"]), vectors[signature]
    if len(found) != len(wanted):
        return False
    if signature == "evaluate" and abs(found[0] - wanted[0]) > int(vectors.get("ties", 0)):
        return False
    start = int(signature == "evaluate")
    return bool(np.allclose(found[start:], wanted[start:], rtol=tolerance, atol=tolerance))


def answers(task: Task, open_model: OpenModel = open_interpreter) -> dict[str, list[float]]:
    """What the signatures answer to `probe_batch` with the initial weights."""

    def ask(signature: str, n: int, drop: tuple[str, ...] = (), **more: Any) -> Any:
        batch = probe_batch(n, task.input_shape, len(task.labels))
        runner = open_model(task.model, name=task.name).get_signature_runner(signature)
        kept = {key: value for key, value in batch.items() if key not in drop}
        return runner(**kept, w=task.initial_weights, **more)

    trained = ask("train", task.batch, lr=np.float32(task.learning_rate))
    inferred = ask("infer", task.infer_batch, ("y", "mask"))
    evaluated = ask("evaluate", task.evaluate_batch)
    return {
        "train": [float(trained["loss"]), *summary(trained["w"] - task.initial_weights)],
        "infer": summary(inferred["probabilities"].ravel()),
        "evaluate": [float(evaluated["correct"]), float(evaluated["loss"])],
    }
