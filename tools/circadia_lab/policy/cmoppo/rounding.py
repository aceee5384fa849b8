"""The actor's forward pass, as floats or as the 8 bits it will run in (Jacob et al., arXiv:1712.05877, section 3).

Rounded values pass gradients on as if nothing had been rounded. The grain is that of `circadia_lab.policy.files.policy_file`: even
weights (63 steps a side), activations in 255 steps of a power of two times the product of the scales before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp

from circadia.observation import INPUT_SCALE

if TYPE_CHECKING:
    from collections.abc import Sequence

WEIGHT_STEPS, OUTPUT_STEPS = 126, 255
SMALLEST = 1e-6


class Dense(NamedTuple):
    """y = x W + b."""

    w: Any
    """(in, out)"""
    b: Any
    """(out,)"""


def dense_layers(key: Any, sizes: Sequence[int], last: float = 1.0) -> tuple[Dense, ...]:
    """Layers after He et al. (arXiv:1502.01852), the last one's weights times `last`."""
    layers = []
    for i, k in enumerate(jax.random.split(key, len(sizes) - 1)):
        scale = (2 / sizes[i]) ** 0.5 * (last if i == len(sizes) - 2 else 1.0)
        w = scale * jax.random.normal(k, (sizes[i], sizes[i + 1]))
        layers.append(Dense(w, jnp.zeros(sizes[i + 1])))
    return tuple(layers)


def forward(layers: Sequence[Dense], x: Any) -> Any:
    """(…, in) → (…, out) with relu between."""
    for layer in layers[:-1]:
        x = jax.nn.relu(x @ layer.w + layer.b)
    return x @ layers[-1].w + layers[-1].b


def rounded_forward(
    layers: Sequence[Dense], x: Any, ranges: Any, rounded: Any, lowest: float
) -> tuple[Any, Any]:
    """(…, in) → (…, out) and the (layers, 2) lowest and highest value that each layer gave.

    With `rounded` (a scalar, maybe traced) true as in 8 bits, with outputs in the (layers, 2) `ranges`, scores from
    `lowest` up.
    """
    (scores,), seen = rounded_heads(layers, x, ranges, rounded, lowest, heads=1)
    return scores, seen


def rounded_heads(
    layers: Sequence[Dense], x: Any, ranges: Any, rounded: Any, lowest: float, *, heads: int
) -> tuple[tuple[Any, ...], Any]:
    """The same of a network whose last `heads` layers all read what comes before them: (…, out) of each."""
    trunk, scale = len(layers) - heads, INPUT_SCALE
    seen, scores = [], []
    for i, layer in enumerate(layers):
        done = _rounded(layer, x, ranges[i], rounded, lowest, scale=scale, last=i >= trunk)
        seen.append(done.seen)
        if i < trunk:
            x, scale = done.y, done.step
        else:
            scores.append(done.y)
    return tuple(scores), jax.lax.stop_gradient(jnp.stack(seen))


class _Done(NamedTuple):
    y: Any
    seen: Any
    """(2,) lowest and highest before rounding."""
    step: Any
    """Of `y`."""


def _rounded(
    layer: Dense, x: Any, limits: Any, rounded: Any, lowest: float, *, scale: Any, last: bool
) -> _Done:
    low, high = jnp.minimum(limits[0], 0), jnp.maximum(limits[1], 0)
    weight_step, step = steps(jnp.max(jnp.abs(layer.w)) / WEIGHT_STEPS, (high - low) / OUTPUT_STEPS, scale)
    w = jnp.where(rounded, _straight(layer.w, 2 * weight_step), layer.w)
    y = x @ w + layer.b
    y = y if last else jax.nn.relu(y)
    seen = jnp.stack([jnp.maximum(jnp.min(y), lowest), jnp.max(y)])
    return _Done(jnp.where(rounded, _straight(y, step, low, low + OUTPUT_STEPS * step), y), seen, step)


def steps(weights: Any, outputs: Any, scale: Any) -> tuple[Any, Any]:
    """Steps of weights and outputs as `policy_file` picks them from the finest that would do."""
    weights, outputs = jnp.maximum(weights, SMALLEST), jnp.maximum(outputs, SMALLEST)
    exact = jnp.log2(outputs / (scale * weights))
    shift = jnp.maximum(jnp.round(exact), 2)
    weights = jax.lax.stop_gradient(weights * jnp.maximum(2.0 ** (exact - shift), 1))
    return weights, jax.lax.stop_gradient(scale * weights * 2.0**shift)


def _straight(x: Any, step: Any, low: Any = -jnp.inf, high: Any = jnp.inf) -> Any:
    """Rounding passes gradients on; saturation does not, or what no longer matters would run away for ever."""
    held = jnp.clip(x, low, high)
    return held + jax.lax.stop_gradient(jnp.clip(jnp.round(x / step) * step, low, high) - held)
