"""Advantages of several rewards at once, on ticks of uneven length.

Rewards are centred (Naik et al., arXiv:2405.09999): with x̄ the average per period, w_t a tick's length in periods and
γ_t = γ^w_t,

    δ_t = x_t − w_t x̄ + γ_t V(s_{t+1}) − V(s_t)
    A_t = δ_t + γ_t λ A_{t+1}

so that V is the differential value as γ → 1: what a state is worth beyond the average (arXiv:1506.02438 for A).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def advantages(gain: Any, weight: Any, values: Any, centre: Any, *, discount: float, trace: float) -> Any:
    """(ticks, batch, k) gains, (ticks, batch) weights, (ticks + 1, batch, k) values, (batch, k) centre → (ticks, batch, k)."""
    kept = (discount**weight)[..., None]
    delta = gain - weight[..., None] * centre + kept * values[1:] - values[:-1]

    def back(after: Any, now: tuple[Any, Any]) -> tuple[Any, Any]:
        advantage = now[0] + now[1] * trace * after
        return advantage, advantage

    return jax.lax.scan(back, jnp.zeros_like(delta[0]), (delta, kept), reverse=True)[1]


def scalarised(advantage: Any, weights: Any, multipliers: Any) -> Any:
    """(…, objectives + costs), (…, objectives), (…, costs) → (…,) w·A_r − λ·A_c."""
    objectives = weights.shape[-1]
    gained = jnp.sum(advantage[..., :objectives] * weights, -1)
    return gained - jnp.sum(advantage[..., objectives:] * multipliers, -1)


def normalised(advantage: Any, shares: Any, members: Any) -> Any:
    """(ticks, batch) scaled by mean and deviation of its preference's group.

    (batch, groups) `members` picks the devices that make up each group's statistics (each column sums to 1),
    (batch, groups) `shares` mixes the groups for a device (each row sums to 1).
    """
    mean = jnp.mean(advantage, 0) @ members
    square = jnp.mean(jnp.square(advantage), 0) @ members
    deviation = jnp.sqrt(jnp.maximum(square - jnp.square(mean), 1e-12))
    return (advantage - shares @ mean) / (shares @ deviation + 1e-6)
