"""What one invocation of a signature computes and moves, counted from the `.tflite` file: nothing is run.

    multiply-accumulates of   a convolution         output's numbers · a filter's numbers
                              a depthwise one       output's numbers · window
                              a transposed one      input's numbers · filters · window
                              a matrix product      output's numbers · length of the dimension that is summed over
    bytes                     of all inputs and outputs of all operators, constants included; what an operator only picks
                              from (a slice, a gather) counts as much as it picks

What else an operator computes (a relu, a sum, a softmax) is an operation or a few for each number that it moves: the
bytes stand for it. Numbers of operators, types and fields are those of TensorFlow Lite's schema, version 3.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from circadia.errors import ArtifactError
from circadia.tflite.flatbuffer import FlatBuffer
from circadia.tflite.model_file import check_model_file

OPERATOR_CODES, SUBGRAPHS, SIGNATURES = 1, 2, 7
"""Fields of a model."""
OLD_CODE, CUSTOM_NAME, CODE = 0, 1, 3
"""Of an operator code: files of old had a byte for it."""
TENSORS, OPERATORS = 0, 3
"""Of a subgraph."""
CODE_INDEX, INPUTS, OUTPUTS, OPTIONS = 0, 1, 2, 4
"""Of an operator."""
SHAPE, TYPE, SHAPE_SIGNATURE = 0, 1, 7
"""Of a tensor."""
KEY, SUBGRAPH_INDEX = 2, 4
"""Of a signature."""
ADJOINT_X = 0
"""Of the options of a batch matrix product: whether the first matrix is transposed."""
CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, TRANSPOSE_CONV, BATCH_MATMUL, CONV_3D = 3, 4, 9, 67, 126, 132
MULTIPLYING = {CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, TRANSPOSE_CONV, BATCH_MATMUL, CONV_3D}
UNCOUNTED = {
    16: "LSTM",
    24: "RNN",
    27: "SVDF",
    31: "CALL",
    32: "a custom operator",
    35: "UNIDIRECTIONAL_SEQUENCE_RNN",
    44: "UNIDIRECTIONAL_SEQUENCE_LSTM",
    46: "BIDIRECTIONAL_SEQUENCE_RNN",
    51: "DELEGATE",
    52: "BIDIRECTIONAL_SEQUENCE_LSTM",
    118: "IF",
    119: "WHILE",
    129: "CALL_ONCE",
    141: "CONV_3D_TRANSPOSE",
}
"""Operators that multiply by a rule that is not here, or run others as often as the data want it."""
PICKING = {36, 45, 65, 107}
"""GATHER, STRIDED_SLICE, SLICE and GATHER_ND read so much of their first input as they write."""
LAST_CODE = 161
"""What comes later (StableHLO's operators) no interpreter of ours runs."""
BYTES = {0: 4, 1: 2, 2: 4, 3: 1, 4: 8, 6: 1, 7: 2, 8: 8, 9: 1, 10: 8, 11: 16, 12: 8, 15: 4, 16: 2}
"""Of one number of each type of tensor; of the others (texts, resources) none is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """Of one invocation."""

    macs: int
    """Multiply-accumulates."""
    bytes: int
    """Read and written by the operators."""
    operators: int
    """How many are run, one after the other."""


def operations(model: bytes, signature: str, what: str) -> Operations:
    """Of the file's `signature`.

    `ArtifactError` naming `what` for a file that is no whole `.tflite`, lacks that signature, or has an operator or a
    shape in it that cannot be counted: what that takes has to be measured.
    """
    check_model_file(model, what)
    try:
        return _Graph(FlatBuffer(model), signature, what).counted()
    except (struct.error, IndexError) as error:
        raise ArtifactError(f"{what}: the .tflite file is damaged ({error}); export it again") from error


@dataclass(frozen=True, slots=True)
class _Tensor:
    shape: tuple[int, ...]
    type: int

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.size * BYTES.get(self.type, 0)


class _Graph:
    """The subgraph of one signature."""

    def __init__(self, file: FlatBuffer, signature: str, what: str) -> None:
        self._file, self._where = file, f"{what}: {signature}"
        found = {file.text(one, KEY): one for one in file.vector(file.root, SIGNATURES)}
        if signature not in found:
            raise ArtifactError(f"{what}: the model has no signature {signature!r}, only {sorted(found)}")
        self._codes = [self._code(one) for one in file.vector(file.root, OPERATOR_CODES)]
        self._subgraph = file.vector(file.root, SUBGRAPHS)[file.scalar(found[signature], SUBGRAPH_INDEX)]
        self._tensors = [self._tensor(one) for one in file.vector(self._subgraph, TENSORS)]

    def counted(self) -> Operations:
        macs = moved = 0
        operators = self._file.vector(self._subgraph, OPERATORS)
        for operator in operators:
            inputs, outputs = (self._of(operator, field) for field in (INPUTS, OUTPUTS))
            macs += self._macs(operator, inputs, outputs)
            moved += self._bytes(operator, inputs, outputs)
        return Operations(macs=macs, bytes=moved, operators=len(operators))

    def _code(self, table: int) -> int:
        return max(self._file.scalar(table, OLD_CODE, "<B"), self._file.scalar(table, CODE))

    def _tensor(self, table: int) -> _Tensor:
        if -1 in self._file.numbers(table, SHAPE_SIGNATURE):
            raise self._uncounted("a tensor of any size")
        return _Tensor(tuple(self._file.numbers(table, SHAPE)), self._file.scalar(table, TYPE, "<B"))

    def _of(self, operator: int, field: int) -> list[_Tensor]:
        """Without those that are left out, a bias for example."""
        return [self._tensors[n] for n in self._file.numbers(operator, field) if n >= 0]

    def _bytes(self, operator: int, inputs: list[_Tensor], outputs: list[_Tensor]) -> int:
        written = sum(tensor.bytes for tensor in outputs)
        read = [tensor.bytes for tensor in inputs]
        if self._codes[self._file.scalar(operator, CODE_INDEX)] in PICKING:
            read[0] = min(read[0], written)
        return sum(read) + written

    def _macs(self, operator: int, inputs: list[_Tensor], outputs: list[_Tensor]) -> int:
        code = self._codes[self._file.scalar(operator, CODE_INDEX)]
        if code in UNCOUNTED or code > LAST_CODE:
            raise self._uncounted(UNCOUNTED.get(code, f"operator {code}"))
        if code not in MULTIPLYING:
            return 0
        if code == TRANSPOSE_CONV:  # its inputs: the output's shape, filters, the input
            return inputs[2].size * math.prod(inputs[1].shape[:3])
        if code == BATCH_MATMUL:
            options = self._file.target(operator, OPTIONS)
            transposed = bool(options and self._file.scalar(options, ADJOINT_X, "<B"))
            return outputs[0].size * inputs[0].shape[-2 if transposed else -1]
        weights = inputs[1].shape
        length = {
            CONV_2D: weights[1:],
            DEPTHWISE_CONV_2D: weights[1:3],
            FULLY_CONNECTED: weights[-1:],
            CONV_3D: weights[:-1],
        }[code]
        return outputs[0].size * math.prod(length)

    def _uncounted(self, thing: str) -> ArtifactError:
        return ArtifactError(
            f"{self._where}: {thing} in it cannot be counted; what it takes has to be measured"
        )
