"""What a policy brings per unit of time, found by acting.

x̄(preference, kind) = Σ x / Σ weight,   over the ticks of all devices of a kind with that preference

Rewards are told as the mean over the kinds of device, costs as those of the kind that has most of them: a limit holds
for each device, not for an average over kinds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from circadia.errors import ConfigError
from circadia_lab.policy.cmoppo.rollout import tick
from circadia_lab.policy.env.interface import OBJECTIVES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.cmoppo.rollout import DrawFrom
    from circadia_lab.policy.env.interface import AnyEnvironment


def averages(
    environment: AnyEnvironment,
    draw_from: DrawFrom,
    preferences: NDArray[np.float64],
    *,
    ticks: int,
    warm_up: int,
    key: Any,
) -> NDArray[np.float64]:
    """(n, objectives) preferences → (n, objectives + costs) averages per period, costs in their own units, see above.

    Devices start in all sorts of states and act for `warm_up` ticks before anything is counted. `draw_from` maps
    encoded observations and masks to log-probabilities, in JAX.
    """

    @jax.jit
    def count(preference: Any, key: Any) -> Any:
        return counted(environment, draw_from, preference, key, ticks=ticks, warm_up=warm_up)

    found = []
    for rows in portions(preferences, environment.kinds):
        key, now = jax.random.split(key)
        found.append(shared(count(dealt(rows, environment.kinds), now), len(rows), environment.kinds))
    gains = np.concatenate(found)
    gains[:, -len(environment.limits) :] *= environment.limits
    return gains


def portions(preferences: Any, kinds: NDArray[np.int64]) -> list[Any]:
    """(n, objectives) cut so that every kind has a device for each of a portion's preferences."""
    most = int(np.bincount(kinds).min())
    return [preferences[start : start + most] for start in range(0, len(preferences), most)]


def dealt(preferences: Any, kinds: NDArray[np.int64]) -> Any:
    """(n, objectives), (batch,) → (batch, objectives), within each kind one after the other in turn.

    `ConfigError` if there are more than a kind has devices.
    """
    if len(preferences) > (least := int(np.bincount(kinds).min())):
        raise ConfigError(f"{len(preferences)} preferences for {least} devices of a kind")
    return jnp.asarray(np.asarray(preferences)[_turns(kinds) % len(preferences)], jnp.float32)


def _turns(kinds: NDArray[np.int64]) -> NDArray[np.int64]:
    """(batch,) how many devices of the same kind come before each."""
    turns = np.empty(len(kinds), np.int64)
    for kind in range(int(kinds.max()) + 1):
        own = np.flatnonzero(kinds == kind)
        turns[own] = np.arange(len(own))
    return turns


def counted(
    environment: AnyEnvironment, draw_from: DrawFrom, preference: Any, key: Any, *, ticks: int, warm_up: int
) -> Any:
    """(batch, objectives + costs + 1) sums of rewards, costs as shares of their limits, and weights."""
    of_world, of_ticks = jax.random.split(key)

    def step(state: tuple[Any, Any], now: tuple[Any, Any]) -> tuple[tuple[Any, Any], None]:
        world, sums = state
        world, seen = tick(environment, draw_from, world, preference, now[0])
        return (world, sums + now[1] * jnp.concatenate([seen.gain[:, 0], seen.weight], -1)), None

    keys = jax.random.split(of_ticks, warm_up + ticks)
    counts = jnp.arange(warm_up + ticks) >= warm_up
    world = environment.initial(of_world)
    gains = jax.eval_shape(lambda w: step((w, 0.0), (keys[0], counts[0]))[0][1], world)
    return jax.lax.scan(step, (world, jnp.zeros(gains.shape)), (keys, counts))[0][1]


def shared(sums: Any, preferences: int, kinds: NDArray[np.int64]) -> NDArray[np.float64]:
    """(batch, objectives + costs + 1) sums of `dealt` preferences → (preferences, objectives + costs), see above."""
    sums, turns = np.asarray(sums, np.float64), _turns(kinds) % preferences
    total = np.zeros((int(kinds.max()) + 1, preferences, sums.shape[-1]))
    np.add.at(total, (kinds, turns), sums)
    each = total[..., :-1] / total[..., -1:]
    rewards, costs = np.split(each, [len(OBJECTIVES)], axis=-1)
    return np.concatenate([rewards.mean(0), costs.max(0)], axis=-1)
