"""The grid problem as a trainer's environment: the exact chain's rows, sampled by table look-up on JAX's device.

i′: the first entry of the row of (state, action) at which the row's cumulative probability exceeds u
c′: the same in the row of the context; next state c′ · N + i′
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.errors import ConfigError
from circadia.observation import COLUMN, TABLE, encode
from circadia_lab.policy.env.interface import OBJECTIVES, Outcome, Seen
from circadia_lab.policy.oracle.evaluation import evaluate
from circadia_lab.policy.oracle.grid import observations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.cmoppo.rollout import DrawFrom
    from circadia_lab.policy.oracle.chain import Chain
    from circadia_lab.policy.oracle.grid import Grid

RESIDUAL = 1e-7
"""Of the distributions that averages are taken over: a limit is known to a thousandth of it."""
FIRST_WEIGHT = COLUMN[f"preference_{OBJECTIVES[0]}"]


class Rows(NamedTuple):
    """All rows of a chain end to end; that of (c, a, i) has the number (c · A + a) · N + i."""

    start: Any
    """(rows + 1,) int32 where each begins."""
    inner: Any
    """(entries,) int32 next inner index."""
    cumulative: Any
    """(entries,) float32 within the row; the last is above 1."""
    longest: int


class GridEnvironment:
    """`circadia_lab.policy.env.interface.Environment` over a grid; a state is its index, (batch,) int32.

    Every tick's weight is 1. Rewards and costs are the expectations over what may arrive, as the optimum's are.
    """

    def __init__(self, grid: Grid, batch: int) -> None:
        import jax.numpy as jnp

        if batch < 1:
            raise ConfigError(f"grid {grid.spec.name}: a batch of {batch}; needs one device at least")
        chain = grid.chain
        self.name = grid.spec.name
        self.batch = batch
        self.limits = chain.limits
        self.kinds = np.zeros(batch, np.int64)
        self._chain = chain
        self._shape = (chain.contexts, chain.actions, chain.inner)
        self._rows = rows_of(chain)
        self._contexts = jnp.asarray(np.cumsum(chain.context, axis=1)[:, :-1], np.float32)
        self._encoded = jnp.asarray(encode(observations(grid, np.zeros(len(OBJECTIVES)))))
        self._mask = jnp.asarray(chain.mask)
        self._worth = jnp.asarray(np.concatenate([chain.rewards, chain.costs], axis=-1), np.float32)

    def initial(self, key: Any) -> Any:
        """Every state as likely."""
        import jax

        states = self._shape[0] * self._shape[2]
        return jax.random.randint(key, (self.batch,), 0, states, np.int32)

    def see(self, state: Any, preference: Any) -> Seen:
        """The table's rows, with the preference's columns as the encoder would fill them."""
        import jax.numpy as jnp

        weights = slice(FIRST_WEIGHT, FIRST_WEIGHT + len(OBJECTIVES))
        values = jnp.zeros((*state.shape, len(TABLE)), np.float32).at[:, weights].set(preference)
        own = encode(values, jnp)[:, weights]
        return Seen(self._encoded[state].at[:, weights].set(own), self._mask[state])

    def exact(self, draw_from: DrawFrom, preferences: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, objectives) preferences → (n, objectives + costs) averages per tick of what `draw_from` draws, nothing sampled.

        Costs are shares of their limits. `draw_from` may be compiled.
        """
        import jax.numpy as jnp

        found, start = [], None
        for preference in preferences:
            seen = self.see(jnp.arange(self._chain.states), jnp.asarray(preference, np.float32))
            policy = np.exp(np.asarray(draw_from(seen), np.float64))
            policy /= policy.sum(1, keepdims=True)
            average = evaluate(self._chain, policy, start=start, residual=RESIDUAL)
            start = average.distribution
            found.append(np.concatenate([average.returns, average.costs / self.limits]))
        return np.array(found)

    def promise(self, state: Any) -> Any:
        """Nothing is known."""
        import jax.numpy as jnp

        return jnp.zeros((*state.shape, len(OBJECTIVES)), np.float32)

    def step(self, state: Any, action: Any, key: Any) -> tuple[Any, Outcome]:
        """A tick of every device."""
        import jax
        import jax.numpy as jnp

        _, actions, inner = self._shape
        u = jax.random.uniform(key, (2, self.batch))
        context, index = state // inner, state % inner
        ahead = sampled(self._rows, (context * actions + action) * inner + index, u[0])
        then = jnp.sum(u[1][:, None] >= self._contexts[context], axis=1, dtype=np.int32)
        worth = self._worth[state, action]
        outcome = Outcome(
            worth[:, : len(OBJECTIVES)], worth[:, len(OBJECTIVES) :], jnp.ones(self.batch, np.float32)
        )
        return then * inner + ahead, outcome


def sampled(rows: Rows, row: Any, u: Any) -> Any:
    """(batch,) numbers of rows, uniforms in [0, 1) → (batch,) next inner indices, by bisection in each row."""
    import jax.numpy as jnp

    low, high = rows.start[row], rows.start[row + 1] - 1
    for _ in range(math.ceil(math.log2(max(rows.longest, 2)))):
        middle = (low + high) // 2
        beyond = u >= rows.cumulative[middle]
        low = jnp.where(beyond, jnp.minimum(middle + 1, high), low)
        high = jnp.where(beyond, high, middle)
    return rows.inner[low]


def rows_of(chain: Chain) -> Rows:
    """The chain's rows on JAX's device."""
    import jax.numpy as jnp

    lengths = np.concatenate([np.diff(block.indptr) for block in chain.blocks])
    start = np.concatenate([[0], np.cumsum(lengths)])
    if start[-1] > np.iinfo(np.int32).max:
        raise ConfigError(f"a chain of {start[-1]} entries is too large to sample from")
    inner = np.concatenate([block.indices for block in chain.blocks])
    total = np.concatenate([[0.0], np.cumsum(np.concatenate([block.data for block in chain.blocks]))])
    cumulative = total[1:] - np.repeat(total[start[:-1]], lengths)
    cumulative[start[1:][lengths > 0] - 1] = 2.0
    return Rows(
        jnp.asarray(start, np.int32),
        jnp.asarray(inner, np.int32),
        jnp.asarray(cumulative, np.float32),
        int(lengths.max()),
    )
