"""What a policy brings per unit of time, found by acting.

x̄(preference) = Σ x / Σ weight,   over the ticks of all devices with that preference
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from circadia.errors import ConfigError
from circadia_lab.policy.cmoppo.rollout import tick

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
    """(n, objectives) preferences → (n, objectives + costs) averages per period, costs in their own units.

    Devices start in all sorts of states and act for `warm_up` ticks before anything is counted. `draw_from` maps
    encoded observations and masks to log-probabilities, in JAX.
    """

    @jax.jit
    def count(preference: Any, key: Any) -> Any:
        return counted(environment, draw_from, preference, key, ticks=ticks, warm_up=warm_up)

    found = []
    for start in range(0, len(preferences), environment.batch):
        rows = preferences[start : start + environment.batch]
        key, now = jax.random.split(key)
        found.append(shared(count(dealt(rows, environment.batch), now), len(rows)))
    gains = np.concatenate(found)
    gains[:, -len(environment.limits) :] *= environment.limits
    return gains


def dealt(preferences: Any, batch: int) -> Any:
    """(n, objectives) → (batch, objectives), one after the other in turn; `ConfigError` if there are more than devices."""
    if len(preferences) > batch:
        raise ConfigError(f"{len(preferences)} preferences for a batch of {batch} devices")
    return jnp.asarray(np.asarray(preferences)[np.arange(batch) % len(preferences)], jnp.float32)


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


def shared(sums: Any, preferences: int) -> NDArray[np.float64]:
    """(batch, gains + 1) sums of `dealt` preferences → (preferences, gains) averages."""
    sums = np.asarray(sums, np.float64)
    dealt_to = np.arange(len(sums)) % preferences
    total = np.stack([sums[dealt_to == i].sum(0) for i in range(preferences)])
    ratio: NDArray[np.float64] = total[:, :-1] / total[:, -1:]
    return ratio
