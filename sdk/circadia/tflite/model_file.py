"""Whether all of a `.tflite` file is there: tflite-runtime 2.14 crashes the process on a truncated one.

A `.tflite` is a FlatBuffer: tables that point at tables, vectors and strings by offsets from where they stand. This
follows the offsets of TensorFlow Lite's schema (version 3) and checks that each stays inside of the file. It does not
check what the numbers mean: interpreters do that, with errors.
"""

from __future__ import annotations

import struct

from circadia.errors import ArtifactError

Fields = dict[int, "Kind"]
Kind = int | Fields | tuple[Fields]
"""What a table's field points at: a vector of n-byte numbers, one table, or a vector of tables."""

TEXT, BYTES, INTS, LONGS = 1, 1, 4, 8
ANY_TABLE: Fields = {}
QUANTIZATION: Fields = {0: INTS, 1: INTS, 2: INTS, 3: LONGS}
TENSOR: Fields = {0: INTS, 3: TEXT, 4: QUANTIZATION, 7: INTS}
OPERATOR: Fields = {1: INTS, 2: INTS, 4: ANY_TABLE, 5: BYTES}
SUBGRAPH: Fields = {0: (TENSOR,), 1: INTS, 2: INTS, 3: (OPERATOR,), 4: TEXT}
TENSOR_NAME: Fields = {0: TEXT}
SIGNATURE: Fields = {0: (TENSOR_NAME,), 1: (TENSOR_NAME,), 2: TEXT}
MODEL: Fields = {
    1: ({1: TEXT},),  # operator codes, with the custom operator's name
    2: (SUBGRAPH,),
    3: TEXT,
    4: ({0: BYTES},),  # buffers
    5: INTS,
    6: ({0: TEXT},),  # metadata
    7: (SIGNATURE,),
}


def check_model_file(model: bytes, name: str) -> None:
    """`ArtifactError` naming `name` unless `model` is a whole `.tflite` file."""
    if model[4:8] != b"TFL3":
        raise ArtifactError(f"{name}: not a .tflite file (no identifier TFL3)")
    try:
        _table(model, _number(model, "<I", 0), MODEL)
    except struct.error as error:
        raise ArtifactError(
            f"{name}: the .tflite file is damaged or truncated ({len(model)} bytes)"
        ) from error


def _table(model: bytes, at: int, fields: Fields) -> None:
    index = at - _number(model, "<i", at)
    _inside(model, index, max(_number(model, "<H", index), 4))
    _inside(model, at, _number(model, "<H", index + 2))
    entries = (_number(model, "<H", index) - 4) // 2
    for field, kind in fields.items():
        offset = _number(model, "<H", index + 4 + 2 * field) if field < entries else 0
        if offset:
            _target(model, _followed(model, at + offset), kind)


def _target(model: bytes, at: int, kind: Kind) -> None:
    if isinstance(kind, dict):
        return _table(model, at, kind)
    count = _number(model, "<I", at)
    if isinstance(kind, int):
        return _inside(model, at + 4, count * kind)
    _inside(model, at + 4, count * 4)
    for place in range(at + 4, at + 4 + count * 4, 4):
        _table(model, _followed(model, place), kind[0])
    return None


def _followed(model: bytes, at: int) -> int:
    return at + _number(model, "<I", at)


def _number(model: bytes, form: str, at: int) -> int:
    _inside(model, at, struct.calcsize(form))
    return int(struct.unpack_from(form, model, at)[0])


def _inside(model: bytes, at: int, size: int) -> None:
    if at < 0 or at + size > len(model):
        raise struct.error(f"bytes {at} to {at + size} lie outside of the file")
