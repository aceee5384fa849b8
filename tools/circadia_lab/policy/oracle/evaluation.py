"""What a stationary policy brings in a chain, exactly: its stationary distribution, average rewards and costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.sparse.linalg import LinearOperator, gmres

from circadia.errors import ConfigError
from circadia_lab.policy.oracle.chain import walk_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.oracle.chain import Chain, Walk

    Floats = NDArray[np.float64]

RESIDUAL = 1e-9
MOST_STEPS = 200_000
SUM_TOLERANCE = 1e-6
KRYLOV, RESTARTS = 80, 12


class Evaluation(NamedTuple):
    """Averages per step of a policy."""

    returns: Floats
    """(objectives,)"""
    costs: Floats
    """(costs,)"""
    distribution: Floats
    """(S,) share of the time in each state."""
    residual: float
    """Σ |μP − μ| that the distribution μ was left with."""


def evaluate(
    chain: Chain, policy: NDArray[Any], *, start: Floats | None = None, residual: float = RESIDUAL
) -> Evaluation:
    """(S,) actions or (S, A) probabilities → averages. `start` (S,): a distribution that may be near.

    `ConfigError` for a policy that uses an inadmissible action.
    """
    check_policy(chain, policy)
    if policy.ndim > 1:
        # Rounded to 32 bits, rows miss 1 by more than the residual asked for.
        policy = policy / policy.sum(axis=1, keepdims=True, dtype=np.float64)
    first = np.full(chain.states, 1 / chain.states) if start is None else start
    settled, left = stationary(
        walk_of(chain, policy), first.reshape(chain.contexts, chain.inner), residual=residual
    )
    distribution = settled.ravel()
    return Evaluation(
        _average(chain.rewards, policy, distribution),
        _average(chain.costs, policy, distribution),
        distribution,
        left,
    )


def check_policy(chain: Chain, policy: NDArray[Any]) -> None:
    """`ConfigError` unless it is a distribution over admissible actions in every state."""
    if policy.ndim == 1:
        fits = policy.shape == (chain.states,) and chain.mask[np.arange(chain.states), policy].all()
    else:
        fits = policy.shape == chain.mask.shape and np.allclose(policy.sum(axis=1), 1, atol=SUM_TOLERANCE)
        fits = fits and not (policy * ~chain.mask).any() and policy.min() >= 0
    if not fits:
        raise ConfigError(
            f"policy {policy.shape}: not a choice among what {chain.mask.shape} states and actions admit"
        )


def stationary(walk: Walk, start: Floats, *, residual: float) -> tuple[Floats, float]:
    """(C, N) distribution μ with Σ |μP − μ| ≤ `residual`, and that sum.

    By GMRES (Saad and Schultz, 1986) on (I − Pᵀ + s 1ᵀ) μ = s for the start s, whose solution is the stationary
    distribution if there is one only; a battery's slow modes are few, which is what Krylov spaces are good at. Then, or
    from the start if that fails, by power iteration; at `MOST_STEPS` it stops with the residual it has got.
    """
    now = _solved(walk, start / start.sum(), residual)
    left = np.inf
    for _ in range(MOST_STEPS):
        ahead = walk.forward(now)
        left = float(np.abs(ahead - now).sum())
        now = ahead / ahead.sum()
        if left <= residual:
            break
    return now, left


def _solved(walk: Walk, start: Floats, residual: float) -> Floats:
    """The start itself if GMRES does not arrive."""

    def image(flat: Floats) -> Floats:
        x = flat.reshape(start.shape)
        y: Floats = (x - walk.forward(x) + start * x.sum()).ravel()
        return y

    operator = LinearOperator((start.size, start.size), matvec=image, dtype=np.float64)
    accuracy = residual / (2 * np.sqrt(start.size))
    found, failed = gmres(
        operator, start.ravel(), x0=start.ravel(), rtol=0, atol=accuracy, restart=KRYLOV, maxiter=RESTARTS
    )
    if failed or found.min() < -np.sqrt(residual):
        return start
    positive: Floats = np.maximum(found, 0).reshape(start.shape)
    positive /= positive.sum()
    return positive


def relative_values(walk: Walk, surplus: Floats, *, accuracy: float = 1e-7) -> Floats:
    """(C, N) gains per step less their average → (C, N) relative values V = surplus + P V, with mean 0.

    By GMRES on I − P + 1 1ᵀ / S; the equation's residual is at most `accuracy` in the mean square, or what the
    Krylov space gave.
    """

    def image(flat: Floats) -> Floats:
        x = flat.reshape(surplus.shape)
        y: Floats = (x - walk.expected(x) + x.mean()).ravel()
        return y

    operator = LinearOperator((surplus.size, surplus.size), matvec=image, dtype=np.float64)
    atol = accuracy * np.sqrt(surplus.size)
    found, _ = gmres(operator, surplus.ravel(), rtol=0, atol=atol, restart=KRYLOV, maxiter=RESTARTS)
    values: Floats = (found - found.mean()).reshape(surplus.shape)
    return values


def _average(table: Floats, policy: NDArray[Any], distribution: Floats) -> Floats:
    if policy.ndim == 1:
        chosen: Floats = distribution @ table[np.arange(len(policy)), policy]
        return chosen
    averaged: Floats = np.einsum("s,sa,sak->k", distribution, policy, table, optimize=True)
    return averaged


def uniform_policy(chain: Chain) -> Floats:
    """(S, A): every admissible action as often."""
    admitted = chain.mask.astype(np.float64)
    shares: Floats = admitted / admitted.sum(axis=1, keepdims=True)
    return shares
