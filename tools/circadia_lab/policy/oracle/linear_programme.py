"""The constrained optimum of a small chain by one linear programme over occupations: the cross-check.

    max Σ x(s,a) w·r(s,a)   with   Σ_a x(s′,a) = Σ x(s,a) P(s′|s,a),   Σ x = 1,   Σ x c ≤ limits,   x ≥ 0

(Altman, Constrained Markov Decision Processes, 1999, chapter 4). HiGHS takes minutes for a few thousand states.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array, csr_array, kron, vstack

from circadia_lab.policy.oracle.columns import InfeasibleProblem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.oracle.chain import Chain

    Floats = NDArray[np.float64]


class Occupation(NamedTuple):
    """The optimum of the programme."""

    value: float
    shares: Floats
    """(S, A) of the time."""


def best_occupation(chain: Chain, preference: Floats) -> Occupation:
    """`InfeasibleProblem` if no policy keeps the limits."""
    states, actions = np.nonzero(chain.mask)
    moves = transitions(chain, states, actions)
    stay = coo_array((np.ones(len(states)), (states, np.arange(len(states)))), (chain.states, len(states)))
    flows = vstack([(stay - moves.T).tocsr(), csr_array(np.ones((1, len(states))))])
    answer = linprog(
        -(chain.rewards[states, actions] @ preference),
        A_ub=chain.costs[states, actions].T,
        b_ub=chain.limits,
        A_eq=flows,
        b_eq=np.append(np.zeros(chain.states), 1.0),
        method="highs",
    )
    if answer.status != 0:
        raise InfeasibleProblem(f"linear programme of {chain.states} states: {answer.message}")
    shares = np.zeros(chain.mask.shape)
    shares[states, actions] = np.maximum(answer.x, 0)
    return Occupation(float(-answer.fun), shares)


def transitions(chain: Chain, states: NDArray[Any], actions: NDArray[Any]) -> Any:
    """Sparse (pairs, S): the whole chain's rows for these pairs of state and action."""
    parts, order = [], []
    context = states // chain.inner
    for c, block in enumerate(chain.blocks):
        mine = np.flatnonzero(context == c)
        rows = actions[mine] * chain.inner + states[mine] % chain.inner
        parts.append(kron(csr_array(chain.context[c : c + 1]), block[rows], format="csr"))
        order.append(mine)
    return vstack(parts, format="csr")[np.argsort(np.concatenate(order))]
