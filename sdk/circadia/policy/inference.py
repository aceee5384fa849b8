"""An int8 network in an interpreter, by the cheapest route there is: set_tensor, invoke, get_tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ArtifactError
from circadia.policy.manifest import AGAIN
from circadia.tflite.interpreter import open_interpreter

if TYPE_CHECKING:
    from circadia.ports import OpenModel


ACTIONS, SLEEPS = "actions", "sleeps"
"""Names of the output tensors of a network that has two."""


class Int8Network:
    """An int8 network in its interpreter; calls take (inputs,) int8 and give (outputs,) int8."""

    def __init__(
        self, model: bytes, name: str, open_model: OpenModel = open_interpreter, *, sleeps: bool = False
    ) -> None:
        """`sleeps`: it has two outputs, `actions` and `sleeps`; else one, whatever its name."""
        interpreter = open_model(model, name=name)
        source, results = _only(interpreter.get_input_details(), name), interpreter.get_output_details()
        result = _named(results, ACTIONS, name) if sleeps else _only(results, name)
        self.inputs, self.outputs = int(source["shape"][-1]), int(result["shape"][-1])
        self.output_quantisation = _quantisation(result)
        self._source, self._result = int(source["index"]), int(result["index"])
        self.sleeps, self.sleep_quantisation, self._sleep = 0, (0.0, 0), -1
        """Of the second output: how many numbers, in which scale and zero point."""
        if sleeps:
            second = _named(results, SLEEPS, name)
            self.sleeps, self.sleep_quantisation = int(second["shape"][-1]), _quantisation(second)
            self._sleep = int(second["index"])
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

    def second(self) -> Any:
        """(sleeps,) int8, which the last call computed, too."""
        return self._get(self._sleep)[0]


def _quantisation(tensor: dict[str, Any]) -> tuple[float, int]:
    scale, zero_point = tensor["quantization"]
    return float(np.float32(scale)), int(zero_point)


def _named(tensors: list[dict[str, Any]], wanted: str, name: str) -> dict[str, Any]:
    """The one of that name among two."""
    found = [tensor for tensor in tensors if tensor.get("name") == wanted]
    if len(tensors) != 2 or len(found) != 1:
        names = [tensor.get("name") for tensor in tensors]
        raise ArtifactError(f"{name}: has outputs {names}, not {ACTIONS!r} and {SLEEPS!r}; {AGAIN}")
    return _only(found, name)


def _only(tensors: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The one tensor there must be: int8 of shape (1, n)."""
    shapes = [(tuple(int(n) for n in tensor["shape"]), np.dtype(tensor["dtype"]).name) for tensor in tensors]
    if len(shapes) != 1 or len(shapes[0][0]) != 2 or shapes[0][0][0] != 1 or shapes[0][1] != "int8":
        raise ArtifactError(
            f"{name}: has inputs or outputs {shapes}; a policy has one of each, int8 (1, n); {AGAIN}"
        )
    return tensors[0]
