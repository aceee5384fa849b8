"""Every state, action and lot of a grid through the physics → its exact chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array, vstack

from circadia.errors import ConfigError
from circadia.physics import dynamics
from circadia.physics.state import Noise, State
from circadia_lab.policy.env.interface import COSTS, OBJECTIVES
from circadia_lab.policy.env.measures import outcome
from circadia_lab.policy.oracle.axes import Entries, crossed
from circadia_lab.policy.oracle.chain import Chain, checked

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from circadia.physics.params import Params
    from circadia_lab.policy.env.measures import Measures
    from circadia_lab.policy.oracle.contexts import Contexts
    from circadia_lab.policy.oracle.spec import Axes, GridSpec

    Floats = NDArray[np.float64]


class Lots(NamedTuple):
    """What may arrive in a tick: (K,) each."""

    noise: Noise
    share: Floats


class _Moves(NamedTuple):
    """Of some states under one action."""

    rows: Any
    """Sparse (states, N)."""
    rewards: Floats
    costs: Floats


def enumerate_chain(
    spec: GridSpec,
    params: Params,
    contexts: Contexts,
    axes: Axes,
    states: State,
    mask: NDArray[np.bool_],
    measures: Measures,
    progress: Callable[[float], None] | None,
) -> Chain:
    """The chain of a grid; `ConfigError` if an action takes longer than a tick."""
    inner, actions = len(mask) // len(contexts.names), mask.shape[1]
    rewards = np.zeros((*mask.shape, len(OBJECTIVES)))
    costs = np.zeros((*mask.shape, len(COSTS)))
    blocks = []
    for c in range(len(contexts.names)):
        lots = lots_of(spec, params, contexts, c)
        parts = []
        for a in range(actions):
            own = c * inner + np.arange(inner)
            chosen = own[mask[own, a]]
            moves = _moves(State(*(x[chosen] for x in states)), a, lots, params, axes, measures)
            rewards[chosen, a], costs[chosen, a] = moves.rewards, moves.costs
            parts.append(_spread(moves.rows, mask[own, a]))
            if progress is not None:
                progress((c * actions + a + 1) / (actions * len(contexts.names)))
        blocks.append(vstack(parts, format="csr"))
    return checked(
        Chain(
            blocks=tuple(blocks),
            context=contexts.chain,
            mask=mask,
            rewards=rewards,
            costs=costs,
            limits=spec.costs.array,
        )
    )


def lots_of(spec: GridSpec, params: Params, contexts: Contexts, context: int) -> Lots:
    """Every combination of requests, examples and a version, with its probability."""
    tick = spec.tick_s
    requests = _two(contexts.requests_per_s[context] * tick, spec.request_lot * spec.burst_lots)
    examples = _two(contexts.examples_per_s[context] * tick, spec.example_lot)
    versions = _two(spec.published_share(params), 1.0)
    pick = [i.ravel() for i in np.indices((2, 2, 2))]
    came, learnt, published = (t[0][i] for t, i in zip((requests, examples, versions), pick, strict=True))
    share = np.prod([t[1][i] for t, i in zip((requests, examples, versions), pick, strict=True)], axis=0)
    kept = share > 0
    even = np.full(int(kept.sum()), tick)
    zero = 0 * even
    noise = Noise(
        dt_s=even,
        arrivals=came[kept],
        arrival_age_s=even,
        deadline_s=zero + params.deadline_s,
        examples=learnt[kept],
        feedback_u=zero + 0.5,
        user_u=zero,
        link_u=zero,
        cloud_z=zero,
        published=published[kept],
        published_age_s=zero,
    )
    return Lots(noise, share[kept])


def _two(mean: float, lot: float) -> tuple[Floats, Floats]:
    """Multiples of the lot next to the mean, and their probabilities."""
    lots = mean / lot
    low = np.floor(lots)
    return lot * np.array([low, low + 1]), np.array([1 - (lots - low), lots - low])


def _moves(states: State, action: int, lots: Lots, params: Params, axes: Axes, measures: Measures) -> _Moves:
    """(n,) states: lots along a second axis, so that what does not depend on them is computed once."""
    before = State(*(x[:, None] for x in states))
    after, result = dynamics.step(before, np.array([[action]]), lots.noise, params, np)
    if len(states.time_s) and np.max(result.busy_s) > measures.period_s:
        raise ConfigError(
            f"grid: action {action} takes {np.max(result.busy_s):.0f} s, longer than a tick of {measures.period_s:g} s"
        )
    worth = outcome(before, after, result, params, measures, np)
    share = lots.share[:, None]
    return _Moves(
        _projected(after, lots.share, axes),
        (worth.reward * share).sum(axis=1),
        (worth.cost * share).sum(axis=1),
    )


def _projected(after: State, share: Floats, axes: Axes) -> Any:
    """(n, K) states, (K,) probabilities → sparse (n, N) distributions over the grid."""
    shape = np.broadcast_shapes(*(np.shape(x) for x in after), share.shape)
    states, lots = shape
    every = np.arange(states * lots)
    entries = Entries(every, np.zeros(len(every), np.int64), np.tile(share, states))
    s = State(*(np.broadcast_to(x, shape) for x in after))
    for axis, fields in (
        (axes.battery, (s.battery_j,)),
        (axes.queue, (s.queue_length, s.queue_age_s)),
        (axes.fresh, (s.fresh_examples, s.fresh_age_s)),
        (axes.model, (s.model_age_s, s.versions_behind)),
        (axes.unsent, (s.unsent_examples,)),
    ):
        entries = crossed(entries, axis.project(*fields), len(axis))
    rows = csr_array(
        (entries.share, (entries.source // lots, entries.point)), (states, int(np.prod(axes.shape)))
    )
    rows.sum_duplicates()
    return rows


def _spread(rows: Any, chosen: NDArray[np.bool_]) -> Any:
    """The rows of the chosen states among those of all, the others empty."""
    counts = np.zeros(len(chosen) + 1, np.int64)
    counts[1:][chosen] = np.diff(rows.indptr)
    return csr_array((rows.data, rows.indices, np.cumsum(counts)), (len(chosen), rows.shape[1]))
