"""A signature of a `.tflite` file as a plain model: one of its inputs becomes a constant of the file.

A `.tflite` is a FlatBuffer, in which tables point forward by offsets from where they stand. So what changes is written
in front of the old file, which stays as it is and is pointed into: a new root, the signature's subgraph without that
input, the input's tensor with a buffer of its own. What nobody points at any more stays in the file, unused.
Field numbers are those of TensorFlow Lite's schema, version 3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia.errors import ArtifactError
from circadia.tflite.flatbuffer import FlatBuffer
from circadia.tflite.model_file import check_model_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ALIGNMENT = 16
"""Of buffers, and so of the old file in the new one."""
VERSION, OPERATOR_CODES, SUBGRAPHS, DESCRIPTION, BUFFERS, METADATA, SIGNATURES = 0, 1, 2, 3, 4, 6, 7
"""Fields of a model."""
TENSORS, INPUTS, OUTPUTS, OPERATORS, SUBGRAPH_NAME = range(5)
"""Of a subgraph."""
SHAPE, TYPE, BUFFER, TENSOR_NAME, QUANTIZATION, SHAPE_SIGNATURE, HAS_RANK = 0, 1, 2, 3, 4, 7, 8
"""Of a tensor."""
KEY, SUBGRAPH_INDEX = 2, 4
"""Of a signature; its inputs are field 0: tables of a name and a tensor."""
FLOAT32 = 0
"""The type of a tensor that does not say it."""


def with_constant(model: bytes, signature: str, name: str, value: NDArray[np.float32], what: str) -> bytes:
    """The file's `signature` as a model without signatures, whose input `name` is `value`, float32.

    `ArtifactError` naming `what` for a file that is no whole `.tflite`, lacks that signature or that input, or whose
    input is of another size.
    """
    check_model_file(model, what)
    try:
        return _Constant(model, signature, name, value, what).written()
    except (struct.error, IndexError) as error:
        raise ArtifactError(f"{what}: the .tflite file is damaged ({error}); export it again") from error


@dataclass(frozen=True, slots=True)
class _Old:
    """Something at a place of the old file."""

    place: int


Value = int | str | _Old
"""A number, or what it points at: by its label in front of the old file, or in that."""
Fields = dict[int, Value]
"""Of a table, by their numbers."""


class _Constant:
    """One rewriting of a file."""

    def __init__(
        self, model: bytes, signature: str, name: str, value: NDArray[np.float32], what: str
    ) -> None:
        self._model = model
        self._what = what
        self._value = value
        self._old = FlatBuffer(model)
        self._root = self._old.root
        found = self._signature(signature)
        self._which = self._old.scalar(found, SUBGRAPH_INDEX)
        self._subgraph = self._old.vector(self._root, SUBGRAPHS)[self._which]
        inputs = {self._old.text(one, 0): self._old.scalar(one, 1) for one in self._old.vector(found, 0)}
        if name not in inputs:
            raise ArtifactError(f"{what}: {signature} has no input {name!r}, only {sorted(inputs)}")
        self._input = inputs[name]
        self._tensors = self._old.vector(self._subgraph, TENSORS)
        self._tensor = self._tensors[self._input]
        self._check(signature, name)

    def _check(self, signature: str, name: str) -> None:
        size = 1
        for n in self._old.numbers(self._tensor, SHAPE):
            size *= n
        if size != self._value.size or self._old.scalar(self._tensor, TYPE, "<B") != FLOAT32:
            raise ArtifactError(
                f"{self._what}: input {name!r} of {signature} has {size} values, {self._value.size} float32 are given"
            )

    # The old file

    def _signature(self, key: str) -> int:
        found = {self._old.text(one, KEY): one for one in self._old.vector(self._root, SIGNATURES)}
        if key not in found:
            raise ArtifactError(f"{self._what}: the model has no signature {key!r}, only {sorted(found)}")
        return found[key]

    # The new one

    def written(self) -> bytes:
        """Root, subgraph, tensor and buffer, then the old file."""
        front, root, tensor = _Front(), self._root, self._tensor
        buffers = self._old.vector(root, BUFFERS)
        changed: Fields = {
            VERSION: self._old.scalar(root, VERSION),
            SUBGRAPHS: "subgraphs",
            BUFFERS: "buffers",
        }
        front.table("model", changed | self._kept(root, (OPERATOR_CODES, DESCRIPTION, METADATA)))
        front.vector("subgraphs", self._subgraphs())
        changed = {TENSORS: "tensors", INPUTS: "inputs"}
        front.table("subgraph", changed | self._kept(self._subgraph, (OUTPUTS, OPERATORS, SUBGRAPH_NAME)))
        tensors: list[Value] = [_Old(place) for place in self._tensors]
        tensors[self._input] = "tensor"
        front.vector("tensors", tensors)
        front.vector("inputs", [n for n in self._old.numbers(self._subgraph, INPUTS) if n != self._input])
        changed = {BUFFER: len(buffers)}
        if self._old.scalar(tensor, HAS_RANK, "<B"):
            changed[HAS_RANK] = 1
        kept = self._kept(tensor, (SHAPE, TENSOR_NAME, QUANTIZATION, SHAPE_SIGNATURE))
        front.table("tensor", changed | kept)
        front.vector("buffers", [*map(_Old, buffers), "buffer"])
        front.table("buffer", {0: "value"})
        front.data("value", self._value.astype("<f4").tobytes())
        return front.before(self._model)

    def _kept(self, table: int, fields: tuple[int, ...]) -> Fields:
        return {field: _Old(place) for field in fields if (place := self._old.target(table, field))}

    def _subgraphs(self) -> list[Value]:
        """The changed one first. Others stay, in their places, only where operators may refer to them."""
        places = self._old.vector(self._root, SUBGRAPHS)
        named = {self._old.scalar(one, SUBGRAPH_INDEX) for one in self._old.vector(self._root, SIGNATURES)}
        if len(named) == len(places):
            return ["subgraph"]
        others: list[Value] = [_Old(place) for place in places]
        others[self._which] = others[0]
        others[0] = "subgraph"
        return others


class _Front:
    """Tables and vectors in front of a file, each pointing only at what comes later."""

    def __init__(self) -> None:
        self._bytes = bytearray(b"\0\0\0\0TFL3")
        self._labels: dict[str, int] = {}
        self._pointers: list[tuple[int, str | _Old]] = [(0, "model")]

    def table(self, label: str, fields: Fields) -> None:
        """Its numbers have 4 bytes each, which does for smaller ones: they are little-endian."""
        offsets = [0] * (max(fields) + 1)
        for place, field in enumerate(sorted(fields)):
            offsets[field] = 4 + 4 * place
        index = struct.pack(f"<HH{len(offsets)}H", 4 + 2 * len(offsets), 4 + 4 * len(fields), *offsets)
        self._align(4, ahead=len(index))
        self._bytes += index
        self._labels[label] = len(self._bytes)
        self._bytes += struct.pack("<i", len(index))
        self._values([fields[field] for field in sorted(fields)])

    def vector(self, label: str, values: list[Value]) -> None:
        """Of 4-byte numbers, or of pointers."""
        self._align(4)
        self._labels[label] = len(self._bytes)
        self._bytes += struct.pack("<I", len(values))
        self._values(values)

    def data(self, label: str, data: bytes) -> None:
        """A vector of bytes, aligned as a buffer's."""
        self._align(ALIGNMENT, ahead=4)
        self._labels[label] = len(self._bytes)
        self._bytes += struct.pack("<I", len(data)) + data

    def _values(self, values: list[Value]) -> None:
        for value in values:
            if isinstance(value, int):
                self._bytes += struct.pack("<i", value)
            else:
                self._pointers.append((len(self._bytes), value))
                self._bytes += bytes(4)

    def _align(self, to: int, ahead: int = 0) -> None:
        self._bytes += bytes(-(len(self._bytes) + ahead) % to)

    def before(self, file: bytes) -> bytes:
        """All of it, then the file."""
        self._align(ALIGNMENT)
        start = len(self._bytes)
        for place, target in self._pointers:
            there = start + target.place if isinstance(target, _Old) else self._labels[target]
            struct.pack_into("<I", self._bytes, place, there - place)
        return bytes(self._bytes) + file
