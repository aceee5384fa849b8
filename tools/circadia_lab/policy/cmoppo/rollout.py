"""Devices acting on for some ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp

from circadia.policy.sampling import sample
from circadia_lab.policy.env.interface import Choice

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_lab.policy.env.interface import AnyEnvironment, Seen

    DrawFrom = Callable[..., Any]
    """Encoded observations and mask → log-probabilities; with the mask of the sleeps → those of works and sleeps."""


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
    sleeps: Any = None
    """(…, options) what the body can; None where ticks have a fixed length."""
    sleep: Any = None
    """(…, tried) the sleeps that go with the actions; `log_p` is of both."""


class Moved(NamedTuple):
    """Of one action of each device."""

    world: Any
    gain: Any
    promised: Any
    weight: Any


def chosen(seen: Seen, draw_from: DrawFrom, key: Any) -> Any:
    """What each device does: (batch,) actions, or a `Choice` where sleeps are chosen."""
    u = jax.random.uniform(key, seen.mask.shape[:1])
    if seen.sleeps is None:
        return sample(draw_from(seen.encoded, seen.mask), seen.mask, u, jnp).astype(jnp.int32)
    work, sleep = draw_from(seen.encoded, seen.mask, seen.sleeps)
    v, place = jax.random.uniform(jax.random.fold_in(key, 1), (2, *u.shape))
    return Choice(
        sample(work, seen.mask, u, jnp).astype(jnp.int32),
        sample(sleep, seen.sleeps, v, jnp).astype(jnp.int32),
        place,
    )


class _Drawn(NamedTuple):
    """Of each device, `tried` of them."""

    action: Any
    """(tried, batch), or a `Choice` of these"""
    log_p: Any
    """(batch, tried)"""


def tick(
    environment: AnyEnvironment,
    draw_from: DrawFrom,
    world: Any,
    preference: Any,
    key: Any,
    tried: int = 1,
    explored: int = 0,
) -> tuple[Any, Ticks]:
    """One tick on; see `DrawFrom`.

    Each of the other actions is tried from the same state under the same chance. The policy's are drawn at quantiles
    that lie evenly apart, the last `explored` of them from an even distribution.
    """
    *drawing, chance = jax.random.split(key, 3)
    seen = environment.see(world, preference)
    actions, chosen = _tries(seen, draw_from, drawing, tried - explored, explored)
    done = moved(environment, world, jax.tree.map(lambda a: a[0], actions), chance)
    gain, promised, weight = (x[:, None] for x in done[1:])
    instead = jnp.zeros((environment.batch, 0, 0))
    if tried > 1:
        rest = jax.tree.map(lambda a: a[1:], actions)
        others = jax.vmap(lambda action: moved(environment, world, action, chance))(rest)
        after = jax.vmap(lambda w: environment.see(w, preference).encoded)(others.world)
        gain = jnp.concatenate([gain, jnp.moveaxis(others.gain, 0, 1)], 1)
        promised = jnp.concatenate([promised, jnp.moveaxis(others.promised, 0, 1)], 1)
        weight = jnp.concatenate([weight, others.weight.T], 1)
        instead = jnp.moveaxis(after, 0, 1)
    ticks = Ticks(seen.encoded, seen.mask, actions, chosen, gain, promised, weight, instead)
    if seen.sleeps is None:
        return done.world, ticks._replace(action=actions.T)
    return done.world, ticks._replace(action=actions.work.T, sleeps=seen.sleeps, sleep=actions.sleep.T)


def _tries(seen: Seen, draw_from: DrawFrom, keys: Any, own: int, explored: int) -> _Drawn:
    """The policy's `own` draws, then `explored` even ones; a choice's works and sleeps are drawn apart."""
    if seen.sleeps is None:
        return _part(draw_from(seen.encoded, seen.mask), seen.mask, keys, own, explored)
    log_p = draw_from(seen.encoded, seen.mask, seen.sleeps)
    of_sleep = [jax.random.fold_in(key, 1) for key in keys]
    work = _part(log_p[0], seen.mask, keys, own, explored)
    sleep = _part(log_p[1], seen.sleeps, of_sleep, own, explored)
    place = jax.random.uniform(jax.random.fold_in(keys[0], 2), work.action.shape)
    return _Drawn(Choice(work.action, sleep.action, place), work.log_p + sleep.log_p)


def _part(log_p: Any, mask: Any, keys: Any, own: int, explored: int) -> _Drawn:
    drawn = _drawn(log_p, mask, own, keys[0])
    actions = jnp.concatenate([drawn, _drawn(jnp.zeros_like(log_p), mask, explored, keys[1])])
    return _Drawn(actions, jnp.take_along_axis(log_p, actions.T, -1))


def _drawn(scores: Any, mask: Any, count: int, key: Any) -> Any:
    """(count, batch) actions at quantiles 1 / `count` apart."""
    first = jax.random.uniform(key, (1, mask.shape[0]))
    u = jnp.mod(first + jnp.arange(count)[:, None] / max(count, 1), 1.0)
    return jax.vmap(lambda v: sample(scores, mask, v, jnp))(u).astype(jnp.int32)


def moved(environment: AnyEnvironment, world: Any, action: Any, key: Any) -> Moved:
    """A step, with rewards and costs in one array."""
    after, outcome = environment.step(world, action, key)
    limits = jnp.asarray(environment.limits, jnp.float32)
    gain = jnp.concatenate([outcome.reward, outcome.cost / limits], -1).astype(jnp.float32)
    more = environment.promise(after) - environment.promise(world)
    promised = jnp.concatenate([more, jnp.zeros_like(outcome.cost)], -1).astype(jnp.float32)
    return Moved(after, gain, promised, outcome.weight.astype(jnp.float32))


def rollout(
    environment: AnyEnvironment,
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
