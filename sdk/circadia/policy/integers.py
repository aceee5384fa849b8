"""A policy file without an interpreter: its network read out of the `.tflite`, computed by the integer kernel.

What decides must not depend on what trains: where no TFLite works, or only through somebody else's bridge, a device still
takes the decisions of its policy file, bit for bit. Only int8 fully-connected layers are understood, with one scale a
tensor, as policy files have them. Numbers of fields and types are those of TensorFlow Lite's schema, version 3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ArtifactError
from circadia.policy.kernel import QuantisedLayer, forward
from circadia.tflite.flatbuffer import FlatBuffer
from circadia.tflite.model_file import check_model_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPERATOR_CODES, SUBGRAPHS, BUFFERS = 1, 2, 4
"""Fields of a model."""
TENSORS, INPUTS, OUTPUTS, OPERATORS = 0, 1, 2, 3
"""Of a subgraph."""
OLD_CODE, CODE = 0, 3
"""Of an operator code."""
CODE_INDEX, TAKES, GIVES, OPTIONS = 0, 1, 2, 4
"""Of an operator."""
SHAPE, TYPE, BUFFER, NAME, QUANTIZATION = 0, 1, 2, 3, 4
"""Of a tensor."""
SCALE, ZERO_POINT = 2, 3
"""Of a quantization."""
FULLY_CONNECTED, RELU = 9, 1
INT32, INT8 = 2, 9


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    type: int
    data: bytes
    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Step:
    """A layer between two tensors."""

    source: int
    target: int
    layer: QuantisedLayer


class IntegerInterpreter:
    """The `Interpreter` port, as far as a policy needs it: no signatures, int8 in and out."""

    def __init__(self, model: bytes, name: str) -> None:
        """`ArtifactError` naming `name` for what is no network of int8 fully-connected layers."""
        graph = _Graph(FlatBuffer(model), name)
        self._tensors, self._steps = graph.tensors, graph.steps()
        self._inputs, self._outputs = graph.inputs, graph.outputs
        self._values: dict[int, NDArray[np.int8]] = {}

    def get_input_details(self) -> list[dict[str, Any]]:
        """As the port."""
        return [self._details(index) for index in self._inputs]

    def get_output_details(self) -> list[dict[str, Any]]:
        """As the port."""
        return [self._details(index) for index in self._outputs]

    def set_tensor(self, tensor_index: int, value: NDArray[Any]) -> None:
        """As the port; `ValueError` for an array that does not fit."""
        wanted = self._tensors[tensor_index].shape
        if value.shape != wanted or value.dtype != np.int8 or tensor_index not in self._inputs:
            raise ValueError(
                f"tensor {tensor_index}: {value.dtype}{list(value.shape)} given, int8{list(wanted)} wanted"
            )
        self._values[tensor_index] = value.copy()

    def invoke(self) -> None:
        """As the port."""
        for step in self._steps:
            source = self._tensors[step.source]
            self._values[step.target] = forward(
                [step.layer],
                self._values[step.source],
                input_scale=source.scale,
                input_zero_point=source.zero_point,
            )

    def get_tensor(self, tensor_index: int) -> NDArray[Any]:
        """As the port."""
        return self._values[tensor_index].copy()

    def get_signature_list(self) -> dict[str, Any]:
        """None."""
        return {}

    def get_signature_runner(self, signature_key: str) -> Any:
        """`ValueError`: there is none."""
        raise ValueError(f"no signature {signature_key!r}: the integer kernel computes policies only")

    def _details(self, index: int) -> dict[str, Any]:
        tensor = self._tensors[index]
        return {
            "name": tensor.name,
            "index": index,
            "shape": np.array(tensor.shape, np.int32),
            "dtype": np.int8,
            "quantization": (tensor.scale, tensor.zero_point),
        }


def open_in_integers(model: bytes, *, name: str, threads: int = 1) -> IntegerInterpreter:  # noqa: ARG001  the port's
    """As `circadia.ports.OpenModel`, of policies alone; it computes on one thread."""
    check_model_file(model, name)
    try:
        return IntegerInterpreter(model, name)
    except (struct.error, IndexError, ValueError) as error:
        raise ArtifactError(f"{name}: the .tflite file is damaged ({error}); export it again") from error


class _Graph:
    """The one subgraph of a file."""

    def __init__(self, file: FlatBuffer, name: str) -> None:
        self._file, self._name = file, name
        subgraphs = file.vector(file.root, SUBGRAPHS)
        if len(subgraphs) != 1:
            raise self._unknown(f"{len(subgraphs)} graphs")
        self._graph = subgraphs[0]
        self._buffers = file.vector(file.root, BUFFERS)
        self._codes = [
            max(file.scalar(code, OLD_CODE, "<B"), file.scalar(code, CODE))
            for code in file.vector(file.root, OPERATOR_CODES)
        ]
        self.tensors = [self._tensor(one) for one in file.vector(self._graph, TENSORS)]
        self.inputs = tuple(file.numbers(self._graph, INPUTS))
        self.outputs = tuple(file.numbers(self._graph, OUTPUTS))
        if any(self.tensors[one].type != INT8 for one in (*self.inputs, *self.outputs)):
            raise self._unknown("inputs or outputs that are not int8")

    def steps(self) -> tuple[_Step, ...]:
        """In the file's order, in which each comes after what it needs."""
        return tuple(self._step(one) for one in self._file.vector(self._graph, OPERATORS))

    def _step(self, operator: int) -> _Step:
        code = self._codes[self._file.scalar(operator, CODE_INDEX)]
        if code != FULLY_CONNECTED:
            raise self._unknown(f"operator {code}")
        takes, (target,) = self._file.numbers(operator, TAKES), self._file.numbers(operator, GIVES)
        if len(takes) != 3 or takes[2] < 0:
            raise self._unknown("a layer without a bias")
        source, (weights, bias) = takes[0], (self.tensors[one] for one in takes[1:])
        result = self.tensors[target]
        kinds = (self.tensors[source].type, weights.type, bias.type, result.type)
        if kinds != (INT8, INT8, INT32, INT8) or weights.zero_point != 0:
            raise self._unknown("a layer that is not of int8")
        options = self._file.target(operator, OPTIONS)
        activation = self._file.scalar(options, 0, "<b") if options else 0
        if activation not in (0, RELU):
            raise self._unknown(f"activation {activation}")
        layer = QuantisedLayer(
            weights=np.frombuffer(weights.data, np.int8).reshape(weights.shape),
            weight_scale=weights.scale,
            bias=np.frombuffer(bias.data, "<i4").reshape(bias.shape),
            output_scale=result.scale,
            output_zero_point=result.zero_point,
            relu=activation == RELU,
        )
        return _Step(source=source, target=target, layer=layer)

    def _tensor(self, table: int) -> _Tensor:
        file = self._file
        scales, zero_points = self._quantization(file.target(table, QUANTIZATION))
        if len(scales) > 1:
            raise self._unknown("a scale for each channel")
        return _Tensor(
            name=file.text(table, NAME),
            shape=tuple(file.numbers(table, SHAPE)),
            type=file.scalar(table, TYPE, "<b"),
            data=self._data(file.scalar(table, BUFFER)),
            scale=scales[0] if scales else 0.0,
            zero_point=zero_points[0] if zero_points else 0,
        )

    def _quantization(self, table: int) -> tuple[tuple[float, ...], tuple[int, ...]]:
        if not table:
            return (), ()
        return self._unpacked(table, SCALE, "f"), self._unpacked(table, ZERO_POINT, "q")

    def _unpacked(self, table: int, field: int, letter: str) -> tuple[Any, ...]:
        start = self._file.target(table, field)
        count = self._file.number("<I", start) if start else 0
        return struct.unpack_from(f"<{count}{letter}", self._file.data, start + 4) if start else ()

    def _data(self, buffer: int) -> bytes:
        start = self._file.target(self._buffers[buffer], 0)
        return self._file.data[start + 4 : start + 4 + self._file.number("<I", start)] if start else b""

    def _unknown(self, thing: str) -> ArtifactError:
        return ArtifactError(
            f"{self._name}: {thing} in it, which the integer kernel does not compute; it takes policy files, and an "
            "interpreter the rest"
        )
