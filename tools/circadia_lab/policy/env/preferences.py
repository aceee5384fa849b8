"""Preferences: how much of accuracy, latency and energy a user wants; three weights that sum to 1."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ConfigError
from circadia_lab.policy.env.interface import OBJECTIVES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

STEPS = 5
TOLERANCE = 1e-6


def lattice(steps: int) -> NDArray[np.float64]:
    """((steps + 1)(steps + 2) / 2, 3) all preferences in multiples of 1 / `steps`, in lexicographic order."""
    rows = [(i, j, steps - i - j) for i in range(steps + 1) for j in range(steps + 1 - i)]
    return np.array(rows, np.float64) / steps


ANCHORS = lattice(STEPS)
"""(21, objectives) those that a policy is trained for and judged by."""


def checked(weights: Sequence[float]) -> NDArray[np.float64]:
    """The weights as an array; `ConfigError` unless they are three, none negative, with a sum of 1."""
    names = ", ".join(OBJECTIVES)
    if len(weights) != len(OBJECTIVES) or not all(math.isfinite(w) and w >= 0 for w in weights):
        raise ConfigError(f"preference {list(weights)}: needs three weights of 0 or more ({names})")
    if abs(sum(weights) - 1) > TOLERANCE:
        raise ConfigError(f"preference {list(weights)} sums to {sum(weights):g}, not to 1 ({names})")
    return np.array(weights, np.float64)


def radial_weights(preference: Any, anchors: Any, xp: Any = np) -> Any:
    """(…, 3) preferences, (anchors, 3) → (…, anchors) shares that fall with the squared distance and sum to 1.

        share_i ∝ exp(−(d_i / h)²),  h half the distance of neighbouring anchors

    At an anchor nearly all of it is that anchor's own.
    """
    distance2 = xp.sum((preference[..., None, :] - anchors) ** 2, axis=-1)
    h2 = (math.sqrt(2) / STEPS / 2) ** 2
    shares = xp.exp(-(distance2 - xp.min(distance2, axis=-1, keepdims=True)) / h2)
    return shares / xp.sum(shares, axis=-1, keepdims=True)
