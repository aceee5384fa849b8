"""What an int8 policy network computes, bit for bit, in integers: the meaning of a policy file.

TFLite's fixed-point arithmetic for fully-connected layers with one scale per tensor (Jacob et al., arXiv:1712.05877,
section 2; gemmlowp's rounding). For a layer with int8 weights W, int32 bias b and input x of zero point z_x:

    acc = W (x − z_x) + b                                   int32
    y   = clip(z_y + round(acc · s_x s_W / s_y), lo, 127)   lo = z_y after a relu, else −128

s_x s_W / s_y is the fixed-point number m · 2^(shift − 31), 2^30 ≤ m < 2^31.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Integers = NDArray[np.int64]

INT8 = (-128, 127)
INT32 = (-(2**31), 2**31 - 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuantisedLayer:
    """A fully-connected layer; all its scales are float32 numbers, as files keep them."""

    weights: NDArray[np.int8]
    """(out, in)."""
    weight_scale: float
    bias: NDArray[np.int32]
    """(out,) in steps of the input's scale times the weights' scale."""
    output_scale: float
    output_zero_point: int
    relu: bool


def forward(
    layers: Sequence[QuantisedLayer], x: NDArray[np.int8], *, input_scale: float, input_zero_point: int = 0
) -> NDArray[np.int8]:
    """(…, in) int8 → (…, out) int8: what every interpreter answers."""
    scale, zero_point, y = np.float32(input_scale), input_zero_point, x
    for layer in layers:
        y = _layer(layer, y, scale, zero_point)
        scale, zero_point = np.float32(layer.output_scale), layer.output_zero_point
    return y


def _layer(
    layer: QuantisedLayer, x: NDArray[np.int8], scale: np.float32, zero_point: int
) -> NDArray[np.int8]:
    acc = (x.astype(np.int64) - zero_point) @ layer.weights.T.astype(np.int64) + layer.bias
    # The product of the scales is rounded to float32 before it is divided: so TFLite does it.
    product = scale * np.float32(layer.weight_scale)
    multiplier, shift = fixed_point(float(product) / float(np.float32(layer.output_scale)))
    y = layer.output_zero_point + rescale(acc, multiplier, shift)
    low = max(INT8[0], layer.output_zero_point) if layer.relu else INT8[0]
    return np.clip(y, low, INT8[1]).astype(np.int8)


def fixed_point(factor: float) -> tuple[int, int]:
    """A factor above 0 → (m, shift) with factor ≈ m · 2^(shift − 31) and 2^30 ≤ m < 2^31; (0, 0) below 2^−32."""
    fraction, shift = math.frexp(factor)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = multiplier // 2, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def rescale(acc: Integers, multiplier: int, shift: int) -> Integers:
    """`acc` · multiplier · 2^(shift − 31), rounded."""
    shifted = np.clip(acc * 2 ** max(shift, 0), *INT32)
    return rounding_right_shift(doubling_high_product(shifted, multiplier), max(-shift, 0))


def doubling_high_product(a: Integers, b: int) -> Integers:
    """round(a · b / 2^31), ties away from 0; the one overflow, −2^31 by itself, saturates."""
    product = a * b
    nudged = product + np.where(product >= 0, 2**30, 1 - 2**30)
    # C divides towards 0.
    high: Integers = np.minimum(np.sign(nudged) * (np.abs(nudged) >> 31), INT32[1])
    return high


def rounding_right_shift(x: Integers, exponent: int) -> Integers:
    """round(x / 2^exponent), ties away from 0."""
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)
