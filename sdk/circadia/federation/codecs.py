"""Codecs of one flat float32 vector.

- `int8`, for updates: blocks of 1,024 values share a float32 scale = max|x| / 127, q = round(x / scale);
  all scales, then all q, deflated. The error is at most half a scale.
- `float32`, for the model: the four byte planes one after the other, deflated. Exact, so that server and devices
  count their changes from the same numbers, bit for bit.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import LocalProtocolError, RemoteProtocolError

if TYPE_CHECKING:
    from numpy.typing import NDArray

INT8 = "int8"
FLOAT32 = "float32"
CODECS = (INT8, FLOAT32)
BLOCK = 1024
POLL_BYTES = 500
"""On the air for a pull without news: a device whose radio has slept connects and subscribes before it hears what is newest."""
LARGEST = 1e30
"""Values beyond it are refused: their scale would leave float32."""
_SMALLEST_SCALE = float(np.finfo(np.float32).smallest_subnormal)


def encode(vector: NDArray[np.float32], codec: str = INT8) -> bytes:
    """(parameters,) float32 → packed bytes; `LocalProtocolError` for NaN, infinite or huge values or another shape."""
    x = np.ascontiguousarray(vector, dtype="<f4")
    if x.ndim != 1 or x.size == 0:
        raise LocalProtocolError(
            f"vector of shape {x.shape}: the codecs pack one flat vector that is not empty"
        )
    if not np.all(np.abs(x) <= LARGEST):
        raise LocalProtocolError(f"vector holds NaN, infinity or a value beyond {LARGEST:g}: do not send it")
    if codec == INT8:
        return zlib.compress(_quantise(x), 6)
    if codec == FLOAT32:
        return zlib.compress(x.view(np.uint8).reshape(-1, 4).T.tobytes(), 6)
    raise LocalProtocolError(f"codec {codec!r}: this version knows {', '.join(CODECS)}")


def decode(payload: bytes, parameters: int, codec: str = INT8) -> NDArray[np.float32]:
    """Packed bytes → (parameters,) float32.

    `RemoteProtocolError` for another length, damage, a scale or value that is not finite, an unknown codec.
    Never unpacks more than the vector needs.
    """
    if codec not in CODECS:
        raise RemoteProtocolError(f"codec {codec!r}: this version knows {', '.join(CODECS)}")
    raw = _inflate(payload, _raw_size(parameters, codec))
    if codec == INT8:
        return _restore(raw, parameters)
    x: NDArray[np.float32] = np.frombuffer(raw, np.uint8).reshape(4, -1).T.copy().view("<f4").reshape(-1)
    if not np.all(np.abs(x) <= LARGEST):
        raise RemoteProtocolError(f"{codec} vector holds NaN, infinity or a value beyond {LARGEST:g}")
    return x.astype(np.float32, copy=False)


def largest_payload(parameters: int, codec: str) -> int:
    """The most bytes that `encode` makes of that many values (deflate's stored blocks and frame included)."""
    raw = _raw_size(parameters, codec)
    return raw + raw // 1000 + 64


def _raw_size(parameters: int, codec: str) -> int:
    return parameters + 4 * _blocks(parameters) if codec == INT8 else 4 * parameters


def _blocks(parameters: int) -> int:
    return -(-parameters // BLOCK)


def _quantise(x: NDArray[np.float32]) -> bytes:
    padded = np.zeros(_blocks(x.size) * BLOCK, np.float64)
    padded[: x.size] = x
    rows = padded.reshape(-1, BLOCK)
    peak = np.abs(rows).max(axis=1)
    # A peak so small that its scale would round to 0 gets the smallest scale there is.
    scale = np.where(peak > 0, np.maximum(peak / 127, _SMALLEST_SCALE), 0).astype("<f4")
    step = np.where(scale > 0, scale, 1).astype(np.float64)
    q = np.clip(np.rint(rows / step[:, None]), -127, 127).astype(np.int8)
    return bytes(scale.tobytes() + q.reshape(-1)[: x.size].tobytes())


def _restore(raw: bytes, parameters: int) -> NDArray[np.float32]:
    blocks = _blocks(parameters)
    scale = np.frombuffer(raw, "<f4", blocks)
    if not np.all((scale >= 0) & (scale <= LARGEST)):
        raise RemoteProtocolError("int8 vector: a block's scale is negative, huge or not finite")
    q = np.frombuffer(raw, np.int8, parameters, 4 * blocks)
    steps = np.repeat(scale, BLOCK)[:parameters]
    x: NDArray[np.float32] = q.astype(np.float32) * steps
    return x


def _inflate(payload: bytes, size: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(payload, size + 1)
    except zlib.error as error:
        raise RemoteProtocolError(f"vector of {len(payload)} packed bytes is damaged: {error}") from error
    if len(raw) != size or not unpacker.eof or unpacker.unused_data:
        raise RemoteProtocolError(
            f"vector unpacks to {len(raw)} bytes or more, the task needs exactly {size}"
        )
    return raw
