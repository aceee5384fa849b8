"""Advantages of several rewards at once, on ticks of uneven length.

Rewards are centred (Naik et al., arXiv:2405.09999): with x̄ the average per period, w_t a tick's length in periods and
γ_t = γ^w_t,

    δ_t = x_t − w_t x̄ + γ_t V(s_{t+1}) − V(s_t)
    A_t = δ_t + γ_t λ_t A_{t+1}

so that V is the differential value as γ → 1: what a state is worth beyond the average (arXiv:1506.02438 for A). That is
the semi-Markov decision process's return with the discount in time (Bradtke and Duff, 1995), and a tick is centred by
what its own length brings on average.

λ_t is λ for each tick, or λ^w_t where wakes choose how long they sleep. Then the return looks as far ahead in time
whether a device wakes often or seldom, and cutting a sleep in two changes nothing: the trace of TD(λ) in continuous
time (Doya, 2000, section 3.2), an exponential of rate −ln λ a period. With λ for each wake those that sleep long would
look further than those that sleep briefly, and a choice of sleep would be judged by another yardstick than its rival.
What is gained within a tick is not discounted, for most of it, the wake-up's joules, falls due at the beginning: γ has
to be near 1 over the longest sleep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

if TYPE_CHECKING:
    from circadia_lab.policy.cmoppo.config import Config
    from circadia_lab.policy.cmoppo.rollout import Ticks

GAUSSIAN = 1.2533
"""Standard over mean absolute deviation of a normal distribution, √(π / 2)."""


def advantages(gain: Any, weight: Any, values: Any, centre: Any, *, discount: float, trace: Any) -> Any:
    """(ticks, batch, k) gains, (ticks, batch) weights, (ticks + 1, batch, k) values, (batch, k) centre → (ticks, batch, k).

    `trace`: λ, or (ticks, batch) of them.
    """
    kept = (discount**weight)[..., None]
    traced = kept * jnp.broadcast_to(trace, weight.shape)[..., None]
    delta = gain - weight[..., None] * centre + kept * values[1:] - values[:-1]

    def back(after: Any, now: tuple[Any, Any]) -> tuple[Any, Any]:
        advantage = now[0] + now[1] * after
        return advantage, advantage

    return jax.lax.scan(back, jnp.zeros_like(delta[0]), (delta, traced), reverse=True)[1]


def averages(gain: Any, weight: Any, members: Any) -> Any:
    """(ticks, batch, k) gains, (ticks, batch) weights, (batch, groups) members → (groups, k) averages per period."""
    return (members.T @ jnp.mean(gain, 0)) / (members.T @ jnp.mean(weight, 0))[:, None]


def settled_averages(gain: Any, weight: Any, values: Any, members: Any) -> Any:
    """(groups, k) `averages` of a rollout, freed of where its devices happened to stand.

        x̄ = (mean x + (mean V(s_T) − mean V(s_0)) / T) / mean w

    The mean of the rollout is that plus what its first states owe, which would be the most of its noise: a battery
    that is empty now stays so for longer than a rollout (Wan et al., arXiv:2006.16318).
    """
    return averages(gain + (values[-1] - values[0]) / weight.shape[0], weight, members)


def compared(ticks: Ticks, advantage: Any, values: Any, instead: Any, centre: Any, config: Config) -> Any:
    """(ticks, batch, tried, k) how much better each action is than the policy's own tries on average.

    Of an action tried under the chance ξ from the same state, with what the critic makes of where it led,

        δ_j = x_j(ξ) − w_j x̄ + γ_j V(s′_j(ξ)) − V(s),   A_j = δ_j − mean_i δ_i

    so that chance, which is the same for all of them, cancels; i runs over those that the policy drew itself. Of the
    action that was taken more is known: in its place `advantage` stands for δ_0, which puts right in time what the
    critic gets wrong. With one action A is `advantage`.
    """
    if config.tried == 1:
        return advantage[..., None, :]
    kept = (config.discount**ticks.weight)[..., None]
    after = jnp.concatenate([values[1:, :, None], instead], 2)
    gain = ticks.gain + ticks.promised
    delta = gain - ticks.weight[..., None] * centre[:, None] + kept * after - values[:-1, :, None]
    own = config.tried - config.explored
    apart = delta - jnp.mean(delta[:, :, :own], 2, keepdims=True)
    return apart.at[:, :, 0].add(advantage - delta[:, :, 0])


def scalarised(advantage: Any, weights: Any, multipliers: Any) -> Any:
    """(…, objectives + costs), (…, objectives), (…, costs) → (…,) w·A_r − λ·A_c."""
    objectives = weights.shape[-1]
    gained = jnp.sum(advantage[..., :objectives] * weights, -1)
    return gained - jnp.sum(advantage[..., objectives:] * multipliers, -1)


def normalised(advantage: Any, shares: Any, members: Any, own: int) -> Any:
    """(ticks, batch, tried) scaled by mean and mean absolute deviation of its preference's group, over the first `own`.

    Not by the standard deviation: where a rare request that expires outweighs all else, everything else would shrink to
    less than the entropy's weight.

    (batch, groups) `members` picks the devices that make up each group's statistics (each column sums to 1),
    (batch, groups) `shares` mixes the groups for a device (each row sums to 1). What was explored pulls up to one
    deviation where it was better, and not at all where it was worse: the policy hardly does that anyway.
    """
    typical = advantage[..., :own]
    mean = jnp.mean(typical, (0, 2)) @ members
    around = (shares @ mean)[:, None]
    deviation = GAUSSIAN * jnp.mean(jnp.abs(typical - around), (0, 2)) @ members
    scaled = (advantage - around) / ((shares @ deviation)[:, None] + 1e-6)
    return scaled.at[..., own:].set(jnp.clip(scaled[..., own:], 0, 1))
