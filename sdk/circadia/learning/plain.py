"""What a device has learned as a plain `.tflite`: one input, one output, the weights inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ArtifactError, ConfigError
from circadia.learning.vectors import probe_batch
from circadia.tflite.constant import with_constant
from circadia.tflite.interpreter import open_interpreter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.learning.task import Task
    from circadia.ports import OpenModel


def plain_model(task: Task, weights: NDArray[np.float32], open_model: OpenModel = open_interpreter) -> bytes:
    """The task's `infer` with these weights: x (batch, …) → probabilities (batch, labels), as any interpreter runs it.

    It was tried on the task's test vectors and answers as the signature does. `ConfigError` for weights of another task,
    `ArtifactError` for a model that cannot be written so.
    """
    if weights.shape != (task.parameters,) or not np.isfinite(weights).all():
        raise ConfigError(
            f"task {task.name}: {weights.size} weights are given, it has {task.parameters}, all finite; name the task that "
            "they were learned for"
        )
    plain = with_constant(task.model, "infer", "w", weights, f"task {task.name}")
    x = probe_batch(task.infer_batch, task.input_shape, len(task.labels))["x"]
    wanted = open_model(task.model, name=task.name).get_signature_runner("infer")(x=x, w=weights)
    if not np.allclose(
        run_plain(plain, x, task.name, open_model), wanted["probabilities"], rtol=0, atol=1e-6
    ):
        raise ArtifactError(
            f"task {task.name}: the plain model answers otherwise than the task's; report this"
        )
    return plain


def run_plain(
    model: bytes, x: NDArray[np.float32], name: str, open_model: OpenModel = open_interpreter
) -> NDArray[np.float32]:
    """The one output of a model for its one input; `ArtifactError` if it has more."""
    interpreter = open_model(model, name=name)
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if len(inputs) != 1 or len(outputs) != 1:
        raise ArtifactError(
            f"{name}: has {len(inputs)} inputs and {len(outputs)} outputs; a plain model has one each"
        )
    interpreter.set_tensor(inputs[0]["index"], x)
    interpreter.invoke()
    answer: NDArray[np.float32] = interpreter.get_tensor(outputs[0]["index"])
    return answer
