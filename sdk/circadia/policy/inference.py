"""An int8 network in an interpreter, by the cheapest route there is: set_tensor, invoke, get_tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ArtifactError
from circadia.policy.manifest import AGAIN
from circadia.tflite.interpreter import open_interpreter

if TYPE_CHECKING:
    from circadia.ports import OpenModel


class Int8Network:
    """An int8 network in its interpreter; calls take (inputs,) int8 and give (outputs,) int8."""

    def __init__(self, model: bytes, name: str, open_model: OpenModel = open_interpreter) -> None:
        interpreter = open_model(model, name=name)
        source, result = (
            _only(interpreter.get_input_details(), name),
            _only(interpreter.get_output_details(), name),
        )
        self.inputs, self.outputs = int(source["shape"][-1]), int(result["shape"][-1])
        scale, zero_point = result["quantization"]
        self.output_quantisation = (float(np.float32(scale)), int(zero_point))
        self._source, self._result = int(source["index"]), int(result["index"])
        self._set, self._invoke, self._get = (
            interpreter.set_tensor,
            interpreter.invoke,
            interpreter.get_tensor,
        )

    def __call__(self, x: Any) -> Any:
        """(inputs,) int8 → (outputs,) int8."""
        self._set(self._source, x[None])
        self._invoke()
        return self._get(self._result)[0]


def _only(tensors: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The one tensor there must be: int8 of shape (1, n)."""
    shapes = [(tuple(int(n) for n in tensor["shape"]), np.dtype(tensor["dtype"]).name) for tensor in tensors]
    if len(shapes) != 1 or len(shapes[0][0]) != 2 or shapes[0][0][0] != 1 or shapes[0][1] != "int8":
        raise ArtifactError(
            f"{name}: has inputs or outputs {shapes}; a policy has one of each, int8 (1, n); {AGAIN}"
        )
    return tensors[0]
