"""The observations that a policy meets, as its own actions lead to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia_lab.policy.env.preferences import ANCHORS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.cmoppo.rollout import DrawFrom
    from circadia_lab.policy.env.interface import AnyEnvironment

TICKS = 600
"""Two days of five-minute ticks."""
EVERY = 7
"""Ticks from which rows are taken: neighbours look alike."""


class Visited(NamedTuple):
    """(rows, …) of them, in any order."""

    encoded: NDArray[np.int8]
    mask: NDArray[np.bool_]
    sleeps: NDArray[np.bool_] | None = None
    """Where they are chosen."""
    work_prior: NDArray[np.float32] | None = None
    sleep_prior: NDArray[np.float32] | None = None
    values: NDArray[np.float32] | None = None
    """As of `Seen`."""


def visited(
    environment: AnyEnvironment, draw_from: DrawFrom, rows: int, seed: int, ticks: int = TICKS
) -> Visited:
    """At most `rows`, from devices that follow the anchors' preferences for `ticks` ticks; see `DrawFrom`."""
    import jax
    import jax.numpy as jnp

    from circadia_lab.policy.cmoppo.rollout import chosen

    preference = jnp.asarray(ANCHORS[np.arange(environment.batch) % len(ANCHORS)], jnp.float32)
    of_world, of_ticks = jax.random.split(jax.random.PRNGKey(seed))

    def tick(state: Any, key: Any) -> tuple[Any, Any]:
        draw, chance = jax.random.split(key)
        seen = environment.see(state, preference)
        return environment.step(state, chosen(seen, draw_from, draw), chance)[0], seen

    @jax.jit
    def some(state: Any, keys: Any) -> tuple[Any, Any]:
        state, seen = jax.lax.scan(tick, state, keys)
        return state, jax.tree.map(lambda x: x[-1], seen)

    state, found = environment.initial(of_world), []
    for keys in jax.random.split(of_ticks, (ticks // EVERY, EVERY)):
        state, seen = some(state, keys)
        found.append([np.asarray(part) for part in seen if part is not None])
    parts = [np.concatenate(part) for part in zip(*found, strict=True)]
    some_rows = np.random.default_rng(seed).permutation(len(parts[0]))[:rows]
    return Visited(*(part[some_rows] for part in parts))
