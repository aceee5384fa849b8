"""A finite constrained Markov decision process under the average criterion, in a factored sparse form.

A state is a context c, which no action influences, and an inner index i; s = c · N + i. The next context is drawn from
row c of `context`, independently of the next inner index, which is drawn from row a · N + i of `blocks[c]`:

    E[V | c, i, a] = Σ_j blocks[c][a·N + i, j] · W[c, j],   W = context · V
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array, diags_array

from circadia.errors import ConfigError
from circadia_lab.policy.env.interface import COSTS, OBJECTIVES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ROW_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chain:
    """S = C · N states, A actions. `ConfigError` from `checked` if its parts do not fit."""

    blocks: tuple[Any, ...]
    """C sparse (A · N, N); a row is empty where the action is not admissible, else it sums to 1."""
    context: Floats
    """(C, C) rows sum to 1."""
    mask: NDArray[np.bool_]
    """(S, A) admissible; at least one action in every state."""
    rewards: Floats
    """(S, A, objectives)"""
    costs: Floats
    """(S, A, costs)"""
    limits: Floats
    """(costs,) what each cost's average may be at most."""

    @property
    def states(self) -> int:
        """S"""
        return int(self.mask.shape[0])

    @property
    def actions(self) -> int:
        """A"""
        return int(self.mask.shape[1])

    @property
    def contexts(self) -> int:
        """C"""
        return len(self.blocks)

    @property
    def inner(self) -> int:
        """N"""
        return self.states // self.contexts

    @property
    def entries(self) -> int:
        """Stored probabilities."""
        return sum(int(block.nnz) for block in self.blocks)

    def objective(self, reward_weights: Floats, cost_weights: Floats) -> Floats:
        """w·r − λ·c as (C, A, N), −inf where an action is not admissible."""
        table = self.rewards @ reward_weights - self.costs @ cost_weights
        return self.by_context(np.where(self.mask, table, -np.inf))

    def by_context(self, table: Floats) -> Floats:
        """(S, A) → (C, A, N), contiguous."""
        shaped = table.reshape(self.contexts, self.inner, self.actions)
        return np.ascontiguousarray(shaped.transpose(0, 2, 1))

    def expected(self, values: Floats) -> Floats:
        """(C, N) values → (C, A, N) their expectation one step later; 0 where an action is not admissible."""
        ahead = self.context @ values
        shape = (self.actions, self.inner)
        return np.stack([(block @ w).reshape(shape) for block, w in zip(self.blocks, ahead, strict=True)])


def checked(chain: Chain) -> Chain:
    """The chain itself; `ConfigError` names the part that does not fit."""
    rows = (chain.actions * chain.inner, chain.inner)
    if chain.contexts * chain.inner != chain.states or any(b.shape != rows for b in chain.blocks):
        raise ConfigError(f"chain: each of {chain.contexts} blocks must have the shape {rows}")
    if chain.rewards.shape != (*chain.mask.shape, len(OBJECTIVES)):
        raise ConfigError(f"chain: rewards have the shape {chain.rewards.shape}")
    if chain.costs.shape != (*chain.mask.shape, len(COSTS)) or chain.limits.shape != (len(COSTS),):
        raise ConfigError(f"chain: costs have the shape {chain.costs.shape}, limits {chain.limits.shape}")
    if not chain.mask.any(axis=1).all():
        raise ConfigError("chain: a state without an admissible action")
    if np.abs(chain.context.sum(axis=1) - 1).max() > ROW_TOLERANCE:
        raise ConfigError("chain: a context's probabilities do not sum to 1")
    admitted = chain.by_context(chain.mask.astype(np.float64)).reshape(chain.contexts, -1)
    for block, wanted in zip(chain.blocks, admitted, strict=True):
        if np.abs(block.sum(axis=1) - wanted).max() > ROW_TOLERANCE or block.data.min(initial=0) < 0:
            raise ConfigError("chain: probabilities of a state and action do not sum to 1")
    return chain


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Walk:
    """What is left of a chain once a policy is fixed: a Markov chain."""

    blocks: tuple[Any, ...]
    """C sparse (N, N)."""
    context: Floats

    def forward(self, distribution: Floats) -> Floats:
        """(C, N) probabilities → those one step later."""
        moved = np.stack([p @ block for block, p in zip(self.blocks, distribution, strict=True)])
        ahead: Floats = self.context.T @ moved
        return ahead

    def expected(self, values: Floats) -> Floats:
        """(C, N) values → their expectation one step later."""
        ahead = self.context @ values
        return np.stack([block @ w for block, w in zip(self.blocks, ahead, strict=True)])


def walk_of(chain: Chain, policy: NDArray[Any]) -> Walk:
    """(S,) integer actions, or (S, A) probabilities → the Markov chain under that policy."""
    pick = _chosen if policy.ndim == 1 else _mixed
    return Walk(blocks=pick(chain, policy), context=chain.context)


def _chosen(chain: Chain, actions: NDArray[Any]) -> tuple[Any, ...]:
    rows = actions.astype(np.int64).reshape(chain.contexts, chain.inner) * chain.inner
    rows += np.arange(chain.inner)
    return tuple(block[row] for block, row in zip(chain.blocks, rows, strict=True))


def _mixed(chain: Chain, policy: Floats) -> tuple[Any, ...]:
    shares = chain.by_context(policy)
    return tuple(_mixed_block(block, share) for block, share in zip(chain.blocks, shares, strict=True))


def _mixed_block(block: Any, share: Floats) -> Any:
    """Σ_a diag(share_a) · block_a"""
    inner = share.shape[1]
    parts = [
        diags_array(weights) @ block[a * inner : (a + 1) * inner]
        for a, weights in enumerate(share)
        if weights.any()
    ]
    total = csr_array((inner, inner))
    for part in parts:
        total = total + part
    return total.tocsr()
