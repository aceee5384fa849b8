"""Devices acting on for some ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp

from circadia.policy.sampling import sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_lab.env.interface import Environment

    DrawFrom = Callable[[Any, Any], Any]


class Ticks(NamedTuple):
    """(ticks, batch, …) of a rollout."""

    encoded: Any
    mask: Any
    action: Any
    log_p: Any
    """Of the action that was drawn."""
    gain: Any
    """(…, objectives + costs) rewards, then costs as shares of their limits."""
    weight: Any


def tick(
    environment: Environment, draw_from: DrawFrom, world: Any, preference: Any, key: Any
) -> tuple[Any, Ticks]:
    """One tick on; `draw_from` maps encoded observations and masks to log-probabilities."""
    draws, chance = jax.random.split(key)
    seen = environment.see(world, preference)
    log_p = draw_from(seen.encoded, seen.mask)
    u = jax.random.uniform(draws, log_p.shape[:-1])
    action = sample(log_p, seen.mask, u, jnp).astype(jnp.int32)
    after, outcome = environment.step(world, action, chance)
    chosen = jnp.take_along_axis(log_p, action[..., None], -1)[..., 0]
    limits = jnp.asarray(environment.limits, jnp.float32)
    gain = jnp.concatenate([outcome.reward, outcome.cost / limits], -1).astype(jnp.float32)
    return after, Ticks(seen.encoded, seen.mask, action, chosen, gain, outcome.weight.astype(jnp.float32))


def rollout(
    environment: Environment, draw_from: DrawFrom, world: Any, preference: Any, key: Any, ticks: int
) -> tuple[Any, Ticks]:
    """`ticks` of them."""

    def step(world: Any, key: Any) -> tuple[Any, Ticks]:
        return tick(environment, draw_from, world, preference, key)

    return jax.lax.scan(step, world, jax.random.split(key, ticks))
