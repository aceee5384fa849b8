"""Policy networks as .tflite files: a small writer that every TFLite from 2.8 on reads alike.

TensorFlow's converter gives dense layers one scale per output; TFLite 2.8 loads such a file and answers wrongly
without an error. So this writes FULLY_CONNECTED with one scale per tensor, operator version 4, and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from circadia.errors import ArtifactError
from circadia.observation import INPUT_SCALE
from circadia.policy.inference import ACTIONS, SLEEPS
from circadia.policy.kernel import QuantisedLayer
from circadia.tflite.model_file import check_model_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

OPERATOR_VERSION = 4
"""Of FULLY_CONNECTED: int8 in, int8 weights, int8 out."""
SCHEMA_VERSION = 3
ALIGNMENT = 16
SMALLEST_SCALE = 1e-6
FIRST_SCALE = np.float32(INPUT_SCALE)
BIAS_LIMIT = 2**20
"""Keeps accumulators of up to 96 inputs below 2^22."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FloatLayer:
    """A fully-connected layer before it is quantised: y = W x + b, then max(y, 0) if `relu`."""

    weights: Floats
    """(out, in)."""
    bias: Floats
    """(out,)."""
    relu: bool

    def __call__(self, x: Floats) -> Floats:
        """(…, in) → (…, out)."""
        y = x @ self.weights.T + self.bias
        return np.maximum(y, 0) if self.relu else y


def quantise(
    layers: Sequence[FloatLayer],
    calibration: Floats,
    *,
    lowest_score: float = -math.inf,
    scale: np.float32 = FIRST_SCALE,
) -> tuple[QuantisedLayer, ...]:
    """Float layers → int8 layers whose answer does not depend on how an interpreter rounds.

    (n, in) `calibration` inputs, real values (the encoded vector times `INPUT_SCALE`, or what comes in at `scale`), set the ranges of the outputs. Scores
    below `lowest_score` may saturate: what the softmax hardly sees needs no range.

    TFLite's reference kernels, its optimised ones, XNNPACK and LiteRT round acc · s_x s_W / s_y in four ways, which
    differ at ties and next to them. Here no accumulator is near a tie: weights are even and biases odd, so acc is
    odd, and s_y is the float32 next above s_x s_W 2^k, k ≥ 2, so that acc / 2^k lies at least 2^−k from a tie, far
    more than any of the four strays while |acc| < 2^22. It costs the weights' last bit and half a bit of range.
    """
    quantised, x = [], calibration
    for layer in layers:
        x = layer(x)
        if layer is layers[-1]:
            x = np.maximum(x, lowest_score)
        quantised.append(_quantise(layer, x, scale))
        scale = np.float32(quantised[-1].output_scale)
    return tuple(quantised)


def _quantise(layer: FloatLayer, y: Floats, scale: np.float32) -> QuantisedLayer:
    low, high = min(float(y.min()), 0.0), max(float(y.max()), 0.0)
    # Both must fit: weights their 7 bits, biases the accumulator.
    finest = max(
        np.abs(layer.weights).max() / 126, np.abs(layer.bias).max() / float(scale) / (BIAS_LIMIT - 2)
    )
    weight_scale, shift = _scales(float(finest), (high - low) / 255, float(scale))
    step = scale * weight_scale
    output_scale = np.nextafter(np.float32(step * np.float32(2.0**shift)), np.float32(np.inf))
    bias = 2 * np.rint((layer.bias / float(step) - 1) / 2) + 1  # odd
    return QuantisedLayer(
        weights=np.clip(2 * np.rint(layer.weights / weight_scale / 2), -126, 126).astype(np.int8),
        weight_scale=float(weight_scale),
        bias=bias.astype(np.int32),
        output_scale=float(output_scale),
        output_zero_point=int(np.clip(np.rint(-128 - low / float(output_scale)), -128, 127)),
        relu=layer.relu,
    )


def _scales(weights: float, outputs: float, scale: float) -> tuple[np.float32, int]:
    """The weights' scale and k, given the finest steps of weights and outputs that hold their ranges."""
    weights, outputs = max(weights, SMALLEST_SCALE), max(outputs, SMALLEST_SCALE)
    exact = math.log2(outputs / (scale * weights))
    shift = max(round(exact), 2)
    return np.float32(weights * max(2.0 ** (exact - shift), 1.0)), shift


def quantise_heads(
    layers: Sequence[FloatLayer],
    sleeps: Sequence[FloatLayer],
    calibration: Floats,
    *,
    lowest_score: float = -math.inf,
) -> tuple[tuple[QuantisedLayer, ...], tuple[QuantisedLayer, ...]]:
    """The same of a network with a second head, `sleeps`, on the output of the last of `layers` but one."""
    quantised = quantise(layers, calibration, lowest_score=lowest_score)
    x, scale = calibration, np.float32(INPUT_SCALE)
    for layer, small in zip(layers[:-1], quantised[:-1], strict=True):
        x, scale = layer(x), np.float32(small.output_scale)
    return quantised, quantise(sleeps, x, lowest_score=lowest_score, scale=scale)


def write_policy(layers: Sequence[QuantisedLayer], sleeps: Sequence[QuantisedLayer] = ()) -> bytes:
    """Layers → a .tflite file with input int8 (1, in) of scale `INPUT_SCALE`, zero point 0; same layers, same bytes.

    `sleeps`: layers on the output of the last of `layers` but one, to a second output. The two are called `actions` and
    `sleeps` then.
    """
    graph, scale = Graph("Circadia policy"), np.float32(INPUT_SCALE)
    at = first = graph.int8("observation", (1, layers[0].weights.shape[1]), scale, 0)
    trunk, trunk_scale = at, scale
    for i, layer in enumerate(layers):
        trunk, trunk_scale = at, scale
        last = ACTIONS if sleeps and layer is layers[-1] else f"layer{i}"
        at = graph.layer(str(i), layer, at, scale, last)
        scale = np.float32(layer.output_scale)
    outputs, at, scale = [at], trunk, trunk_scale
    for i, layer in enumerate(sleeps):
        at = graph.layer(f"_sleep{i}", layer, at, scale, SLEEPS if layer is sleeps[-1] else f"sleep{i}")
        scale = np.float32(layer.output_scale)
    return graph.pack([first], [*outputs, at] if sleeps else outputs)


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc]  # the library has no types
    """TFLite reads constants where they lie in the file, and counts on 16 bytes of alignment; the library gives 1."""

    def Pack(self, builder: Any) -> int:  # noqa: N802  the library's name
        data = bytes(self.data) if self.data is not None else b""
        builder.StartVector(1, len(data), ALIGNMENT)
        for byte in reversed(data):
            builder.PrependByte(byte)
        vector = builder.EndVector()
        schema.BufferStart(builder)
        if data:
            schema.BufferAddData(builder, vector)
        return int(schema.BufferEnd(builder))


class Graph:
    """A .tflite file of fully-connected layers under construction; tensors go by their number."""

    def __init__(self, description: str) -> None:
        self._description = description
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._buffers = [schema.BufferT()]  # the schema keeps number 0 empty

    def tensor(self, name: str, kind: int, shape: tuple[int, ...], data: NDArray[Any] | None = None) -> int:
        """One without scales; with `data` a constant."""
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, list(shape), kind
        tensor.buffer = 0 if data is None else self._buffer(data)
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _buffer(self, data: NDArray[Any]) -> int:
        buffer = _AlignedBuffer()
        little_endian = data.astype(data.dtype.newbyteorder("<"))
        buffer.data = np.frombuffer(little_endian.tobytes(), np.uint8)
        self._buffers.append(buffer)
        return len(self._buffers) - 1

    def int8(
        self,
        name: str,
        shape: tuple[int, ...],
        scale: np.float32,
        zero_point: int,
        data: NDArray[Any] | None = None,
        kind: int = schema.TensorType.INT8,
    ) -> int:
        """A quantised tensor: real value = scale · (q − zero point)."""
        number = self.tensor(name, kind, shape, data)
        quantization = schema.QuantizationParametersT()
        quantization.scale, quantization.zeroPoint = [float(scale)], [zero_point]
        self._tensors[number].quantization = quantization
        return number

    def layer(
        self, name: str, layer: QuantisedLayer, source: int, scale: np.float32, called: str = ""
    ) -> int:
        """An int8 layer on a tensor of that scale; → its output tensor, `called` so."""
        weight_scale, out = np.float32(layer.weight_scale), layer.weights.shape[0]
        weights = self.int8(f"weights{name}", layer.weights.shape, weight_scale, 0, layer.weights)
        bias = self.int8(f"bias{name}", (out,), scale * weight_scale, 0, layer.bias, schema.TensorType.INT32)
        step = np.float32(layer.output_scale)
        result = self.int8(called or f"layer{name}", (1, out), step, layer.output_zero_point)
        return self.connect([source, weights, bias], result, relu=layer.relu)

    def connect(self, inputs: list[int], result: int, *, relu: bool = False) -> int:
        """FULLY_CONNECTED from [source, weights, bias] to `result`, which it returns."""
        options, kinds = schema.FullyConnectedOptionsT(), schema.ActivationFunctionType
        options.fusedActivationFunction = kinds.RELU if relu else kinds.NONE
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = 0, inputs, [result]
        operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
        operator.builtinOptions = options
        self._operators.append(operator)
        return result

    def pack(self, inputs: list[int], outputs: list[int]) -> bytes:
        """The file's bytes."""
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
        code.version = OPERATOR_VERSION
        subgraph = schema.SubGraphT()
        subgraph.name, subgraph.inputs, subgraph.outputs = "main", inputs, outputs
        subgraph.tensors, subgraph.operators = self._tensors, self._operators
        model = schema.ModelT()
        model.version, model.operatorCodes, model.description = SCHEMA_VERSION, [code], self._description
        model.subgraphs, model.buffers = [subgraph], self._buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def read_layers(model: bytes, name: str = "policy file") -> tuple[QuantisedLayer, ...]:
    """The layers to the first output of a file that `write_policy` wrote; `ArtifactError` naming `name` for another one."""
    return read_heads(model, name)[0]


def read_heads(
    model: bytes, name: str = "policy file"
) -> tuple[tuple[QuantisedLayer, ...], tuple[QuantisedLayer, ...]]:
    """The same, and the layers of the second head, if there is one."""
    check_model_file(model, name)
    content = schema.ModelT.InitFromPackedBuf(model, 0)
    codes = [code.builtinCode for code in content.operatorCodes]
    if codes != [schema.BuiltinOperator.FULLY_CONNECTED]:
        raise ArtifactError(
            f"{name}: has operators {codes}, not only fully-connected ones; export it with Circadia"
        )
    graph = content.subgraphs[0]
    makers = {int(operator.outputs[0]): operator for operator in graph.operators}
    first, *others = (_path(int(output), makers) for output in graph.outputs)
    layers = tuple(_read(operator, graph.tensors, content.buffers) for operator in first)
    second = [operator for path in others for operator in path if operator not in first]
    return layers, tuple(_read(operator, graph.tensors, content.buffers) for operator in second)


def _path(output: int, makers: dict[int, Any]) -> list[Any]:
    """The operators from the input to that tensor."""
    path: list[Any] = []
    while output in makers:
        path.insert(0, makers[output])
        output = int(makers[output].inputs[0])
    return path


def _read(operator: Any, tensors: list[Any], buffers: list[Any]) -> QuantisedLayer:
    weights, bias = (tensors[i] for i in operator.inputs[1:])
    output = tensors[operator.outputs[0]]

    def data(tensor: Any, kind: str) -> NDArray[Any]:
        raw = bytes(buffers[tensor.buffer].data)
        return np.frombuffer(raw, kind).reshape(tuple(tensor.shape)).astype(np.dtype(kind).newbyteorder("="))

    return QuantisedLayer(
        weights=data(weights, "<i1"),
        weight_scale=float(weights.quantization.scale[0]),
        bias=data(bias, "<i4"),
        output_scale=float(output.quantization.scale[0]),
        output_zero_point=int(output.quantization.zeroPoint[0]),
        relu=operator.builtinOptions.fusedActivationFunction == schema.ActivationFunctionType.RELU,
    )
