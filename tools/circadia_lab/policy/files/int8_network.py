"""Networks over an array module: float layers, and int8 layers bit for bit as `circadia.policy.kernel` has them.

An accumulator stays below 2^22 (`policy_file.BIAS_LIMIT`), so float32 holds it exactly, and none is near a tie
(`policy_file.quantise`), so acc · s_x s_W / s_y may be rounded in any way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.observation import INPUT_SCALE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from circadia.policy.kernel import QuantisedLayer
    from circadia_lab.policy.files.policy_file import FloatLayer

    Scores = Callable[[Any], Any]


def float_scores(layers: Sequence[FloatLayer], xp: Any = np) -> Scores:
    """(…, WIDTH) int8 → (…, actions) scores."""
    arrays = [(xp.asarray(layer.weights.T), xp.asarray(layer.bias), layer.relu) for layer in layers]

    def scores(encoded: Any) -> Any:
        y = encoded.astype(np.float32) * np.float32(INPUT_SCALE)
        for weights, bias, relu in arrays:
            y = y @ weights + bias
            y = xp.maximum(y, 0) if relu else y
        return y

    return scores


def int8_scores(layers: Sequence[QuantisedLayer], xp: Any = np) -> Scores:
    """(…, WIDTH) int8 → (…, actions) scores, output_scale · (q − zero point)."""
    last = layers[-1]

    def scores(encoded: Any) -> Any:
        y, scale, zero_point = encoded.astype(np.float32), np.float32(INPUT_SCALE), 0
        for layer in layers:
            y = _layer(layer, y - zero_point, scale, xp)
            scale, zero_point = np.float32(layer.output_scale), layer.output_zero_point
        return (y - last.output_zero_point) * np.float32(last.output_scale)

    return scores


def _layer(layer: QuantisedLayer, x: Any, scale: np.float32, xp: Any) -> Any:
    weights, bias = (xp.asarray(a, np.float32) for a in (layer.weights.T, layer.bias))
    factor = np.float32(float(scale * np.float32(layer.weight_scale)) / float(np.float32(layer.output_scale)))
    low = max(-128, layer.output_zero_point) if layer.relu else -128
    return xp.clip(layer.output_zero_point + xp.rint((x @ weights + bias) * factor), low, 127)
