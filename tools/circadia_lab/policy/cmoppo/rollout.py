"""Devices acting on for some ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp

from circadia.policy.sampling import sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_lab.policy.env.interface import Environment

    DrawFrom = Callable[[Any, Any], Any]


class Ticks(NamedTuple):
    """(ticks, batch, …) of a rollout, with `tried` actions of which the first was taken."""

    encoded: Any
    mask: Any
    action: Any
    """(…, tried)"""
    log_p: Any
    """(…, tried) of the actions."""
    gain: Any
    """(…, tried, objectives + costs) rewards, then costs as shares of their limits."""
    promised: Any
    """Likewise, how much more the environment promises after the action than before."""
    weight: Any
    """(…, tried)"""
    instead: Any
    """(…, tried − 1, WIDTH) what would have been seen after the other actions."""


class Moved(NamedTuple):
    """Of one action of each device."""

    world: Any
    gain: Any
    promised: Any
    weight: Any


def tick(
    environment: Environment,
    draw_from: DrawFrom,
    world: Any,
    preference: Any,
    key: Any,
    tried: int = 1,
    explored: int = 0,
) -> tuple[Any, Ticks]:
    """One tick on; `draw_from` maps encoded observations and masks to log-probabilities.

    Each of the other actions is tried from the same state under the same chance. The policy's are drawn at quantiles
    that lie evenly apart, the last `explored` of them from an even distribution.
    """
    draws, exploring, chance = jax.random.split(key, 3)
    seen = environment.see(world, preference)
    log_p = draw_from(seen.encoded, seen.mask)
    own = _drawn(log_p, seen.mask, tried - explored, draws)
    actions = jnp.concatenate([own, _drawn(jnp.zeros_like(log_p), seen.mask, explored, exploring)])
    done = moved(environment, world, actions[0], chance)
    gain, promised, weight = (x[:, None] for x in done[1:])
    instead = jnp.zeros((environment.batch, 0, 0))
    if tried > 1:
        others = jax.vmap(lambda action: moved(environment, world, action, chance))(actions[1:])
        after = jax.vmap(lambda w: environment.see(w, preference).encoded)(others.world)
        gain = jnp.concatenate([gain, jnp.moveaxis(others.gain, 0, 1)], 1)
        promised = jnp.concatenate([promised, jnp.moveaxis(others.promised, 0, 1)], 1)
        weight = jnp.concatenate([weight, others.weight.T], 1)
        instead = jnp.moveaxis(after, 0, 1)
    chosen = jnp.take_along_axis(log_p, actions.T, -1)
    return done.world, Ticks(seen.encoded, seen.mask, actions.T, chosen, gain, promised, weight, instead)


def _drawn(scores: Any, mask: Any, count: int, key: Any) -> Any:
    """(count, batch) actions at quantiles 1 / `count` apart."""
    first = jax.random.uniform(key, (1, mask.shape[0]))
    u = jnp.mod(first + jnp.arange(count)[:, None] / max(count, 1), 1.0)
    return jax.vmap(lambda v: sample(scores, mask, v, jnp))(u).astype(jnp.int32)


def moved(environment: Environment, world: Any, action: Any, key: Any) -> Moved:
    """A step, with rewards and costs in one array."""
    after, outcome = environment.step(world, action, key)
    limits = jnp.asarray(environment.limits, jnp.float32)
    gain = jnp.concatenate([outcome.reward, outcome.cost / limits], -1).astype(jnp.float32)
    more = environment.promise(after) - environment.promise(world)
    promised = jnp.concatenate([more, jnp.zeros_like(outcome.cost)], -1).astype(jnp.float32)
    return Moved(after, gain, promised, outcome.weight.astype(jnp.float32))


def rollout(
    environment: Environment,
    draw_from: DrawFrom,
    world: Any,
    preference: Any,
    key: Any,
    ticks: int,
    tried: int = 1,
    explored: int = 0,
) -> tuple[Any, Ticks]:
    """`ticks` of them."""

    def step(world: Any, key: Any) -> tuple[Any, Ticks]:
        return tick(environment, draw_from, world, preference, key, tried, explored)

    return jax.lax.scan(step, world, jax.random.split(key, ticks))
