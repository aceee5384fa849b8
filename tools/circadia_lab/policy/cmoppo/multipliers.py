"""Prices of the costs, one per kind of device, anchor and cost, raised while a cost is above its target.

    v ← α v + (1 − α) (cost / limit − target)         smoothed, over all devices of a kind and an anchor
    I ← clip(I + rate · clip(v, −1, 1), 0, largest)   then clipped
    λ = clip(I + rate_p · v, 0, largest)              proportional-integral (Stooke et al., arXiv:2007.03964)

To clip each device's violation first would turn a rare cost into a falling multiplier; to average over kinds of device
would let one kind break what another keeps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp


class Multipliers(NamedTuple):
    """Of all kinds of device and anchors."""

    integral: Any
    """(kinds, anchors, costs) ≥ 0."""
    violation: Any
    """(kinds, anchors, costs) smoothed; above 0 is too much."""

    def prices(self, proportional: float, largest: float) -> Any:
        """(kinds, anchors, costs) λ."""
        return jnp.clip(self.integral + proportional * self.violation, 0, largest)


def initial_multipliers(kinds: int, anchors: int, costs: int) -> Multipliers:
    """Nothing has a price yet."""
    nothing = jnp.zeros((kinds, anchors, costs))
    return Multipliers(nothing, nothing)


def ascended(
    now: Multipliers, costs: Any, *, target: Any, rate: Any, smoothing: float, largest: float
) -> Multipliers:
    """One step of dual ascent from (kinds, anchors, costs) averages as shares of their limits."""
    violation = smoothing * now.violation + (1 - smoothing) * (costs - target)
    integral = jnp.clip(now.integral + rate * jnp.clip(violation, -1, 1), 0, largest)
    return Multipliers(integral, violation)
