"""What deciding training and serving together is worth: the certified optimum less the best found that decides apart.

The rival is `separate`'s pair of deciders, both priced by the same w and λ and each seeing the battery, so that any
split of the energy between them is within its reach. What is searched, for one preference:

1. A start from below: each side's own Markov decision process, with the other side's effect on battery and ticks at its
   mean under the present pair; solved in turn for a few rounds, so that the means become consistent.
2. A start from above: the optimum's own policy, averaged over what each side does not see.
3. Improvement of each, exactly evaluated: the advantage of an option, averaged over what the side does not see by the
   stationary distribution, names the better option; a step towards it is taken as long as the pair gets better.
4. Mixtures of such pairs by the same master programme as the optimum's, λ from its duals, until no new pair helps. A
   device of the mixture draws its pair once, for ever; both sides know it.

No bound says that a better pair does not exist (the problem is a decentralised one, and hard), so the worth that is
reported is at most an upper bound of the true one up to the optimum's gap; and as the rival starts from the optimum
itself, it is a strong one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

from circadia_lab.policy.env.interface import COSTS, OBJECTIVES
from circadia_lab.policy.oracle.chain import Chain, walk_of
from circadia_lab.policy.oracle.evaluation import Evaluation, evaluate, relative_values
from circadia_lab.policy.oracle.planning import plan
from circadia_lab.policy.oracle.separate import Pair, apart, averaged, decided, projected, uniform_pair

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from circadia_lab.policy.oracle.grid import Grid
    from circadia_lab.policy.oracle.optimum import Optimum
    from circadia_lab.policy.oracle.separate import Apart, Side

    Floats = NDArray[np.float64]

FACTORED_ROUNDS = 4
MOST_ROUNDS = 10
STRIDES = (1.0, 0.4, 0.15, 0.05)
"""Of the way to the better option, the longest first."""
MOST_PAIRS = 8
"""New ones for one preference after the first two."""
HELPS = 2e-4
"""Of Σ w |returns|: less is no improvement."""
PENALTY = 30.0
"""For exceeding a limit by its own size, while no mixture keeps them all."""
NEARLY = 1e-6
RESIDUAL = 1e-8


class Coupled(NamedTuple):
    """The worth of coupling for one preference."""

    preference: Floats
    together: float
    """The certified optimum, w · returns."""
    upper: float
    """What no policy exceeds."""
    apart: float
    """The best found with separate decisions; it keeps the limits if `feasible`."""
    returns: Floats
    """(objectives,) of that."""
    costs: Floats
    """(costs,)"""
    feasible: bool
    worth: float
    """together − apart"""
    share: float
    """Of Σ w |returns| of the optimum."""
    pairs: int
    """Tried."""


class _Found(NamedTuple):
    pair: Pair
    seen: Evaluation


class _Master(NamedTuple):
    shares: Floats
    multipliers: Floats
    excess: float
    value: float


class _Search:
    """Over pairs, for one grid."""

    def __init__(self, grid: Grid) -> None:
        self.chain = grid.chain
        self.split: Apart = apart(grid)
        self.found: list[_Found] = []

    def look(self, pair: Pair, near: Floats | None = None) -> _Found:
        """Exact."""
        policy = self.split.together(pair)
        return _Found(pair, evaluate(self.chain, policy, start=near, residual=RESIDUAL))

    def improved(self, start: Pair, table: Floats, helps: float) -> _Found:
        """(S, A) objective: steps of either side until neither helps."""
        now = self.look(start)
        for _ in range(MOST_ROUNDS):
            before = now
            for learning in (False, True):
                now = self._step(now, table, helps, learning=learning)
            if now is before:
                break
        return now

    def _step(self, now: _Found, table: Floats, helps: float, *, learning: bool) -> _Found:
        split, distribution = self.split, now.seen.distribution
        policy = split.together(now.pair)
        gained = (policy * table).sum(axis=1)
        value = float(distribution @ gained)
        ahead = self._ahead(policy, gained, value)
        side = split.learning if learning else split.serving
        by_side = split.by_learning if learning else split.by_serving
        better = decided(side, averaged(side, by_side(table + ahead, now.pair), distribution))
        for stride in STRIDES:
            pair = _moved(now.pair, better, stride, learning=learning)
            tried = self.look(pair, distribution)
            if self._worth(tried, table) > value + helps:
                return tried
        return now

    def _ahead(self, policy: Floats, gained: Floats, value: float) -> Floats:
        """(S, A) expected relative value one step later."""
        chain = self.chain
        shape = (chain.contexts, chain.inner)
        values = relative_values(walk_of(chain, policy), (gained - value).reshape(shape))
        expected = chain.expected(values)
        ahead: Floats = expected.transpose(0, 2, 1).reshape(chain.mask.shape)
        return ahead

    def _worth(self, found: _Found, table: Floats) -> float:
        return float(found.seen.distribution @ (self.split.together(found.pair) * table).sum(axis=1))

    # The start from below

    def factored(self, table: Floats) -> Pair:
        """Each side's own process with the other's effect at its mean, solved in turn."""
        pair, near = uniform_pair(self.split), None
        for _ in range(FACTORED_ROUNDS):
            for learning in (False, True):
                near = self.look(pair, near).seen.distribution
                side = self.split.learning if learning else self.split.serving
                own = self._own_process(side, pair, near, table, learning=learning)
                objective = own.objective(np.eye(len(OBJECTIVES))[0], np.zeros(len(COSTS)))
                best = plan(own, objective, tolerance=NEARLY).actions
                chosen = np.eye(len(side.options))[best]
                pair = pair._replace(learning=chosen) if learning else pair._replace(serving=chosen)
        return pair

    def _own_process(
        self, side: Side, pair: Pair, distribution: Floats, table: Floats, *, learning: bool
    ) -> Chain:
        """The chain over what a side sees; the objective stands in for the first reward."""
        split, chain = self.split, self.chain
        weights = distribution + NEARLY / len(distribution)
        by_side = split.by_learning if learning else split.by_serving
        means = averaged(side, by_side(table, pair), weights)
        forced = [self._forced(side, pair, k, learning=learning) for k in range(len(side.options))]
        seen = side.seen // chain.contexts
        blocks = []
        for c in range(chain.contexts):
            part = slice(c * chain.inner, (c + 1) * chain.inner)
            own = side.own[part] - c * seen
            gather = csr_array((np.ones(len(own)), (np.arange(len(own)), own)), (len(own), seen))
            total = np.bincount(own, weights[part], seen)
            spread = csr_array((weights[part] / total[own], (own, np.arange(len(own)))), (seen, len(own)))
            blocks.append(vstack([spread @ walk[c] @ gather for walk in forced], format="csr"))
        rewards = np.zeros((side.seen, len(side.options), len(OBJECTIVES)))
        rewards[..., 0] = means
        return Chain(
            blocks=tuple(blocks),
            context=chain.context,
            mask=side.admitted,
            rewards=rewards,
            costs=np.zeros((side.seen, len(side.options), len(COSTS))),
            limits=chain.limits,
        )

    def _forced(self, side: Side, pair: Pair, option: int, *, learning: bool) -> tuple[csr_array, ...]:
        """The walk if that side always took the option where it may, and its first one elsewhere."""
        taken = np.where(side.admitted[:, option], option, 0)
        chosen = np.eye(len(side.options))[taken]
        forced = pair._replace(learning=chosen) if learning else pair._replace(serving=chosen)
        return walk_of(self.chain, self.split.together(forced)).blocks


def _moved(pair: Pair, better: Floats, stride: float, *, learning: bool) -> Pair:
    if learning:
        return pair._replace(learning=(1 - stride) * pair.learning + stride * better)
    return pair._replace(serving=(1 - stride) * pair.serving + stride * better)


def coupling(
    grid: Grid,
    optima: Optimum,
    *,
    chosen: tuple[int, ...] | None = None,
    progress: Callable[[Coupled], None] | None = None,
) -> tuple[Coupled, ...]:
    """The worth of coupling for the optima's preferences, or the `chosen` of them by index; up to a minute each.

    Pairs found for one preference serve the later ones too.
    """
    search = _Search(grid)
    rows = []
    for i in range(len(optima.preferences)) if chosen is None else chosen:
        rows.append(_coupled(search, optima, i))
        if progress is not None:
            progress(rows[-1])
    return tuple(rows)


def _coupled(search: _Search, optima: Optimum, i: int) -> Coupled:
    chain, preference = search.chain, optima.preferences[i]
    size = float(preference @ np.abs(optima.returns[i]))
    tried = _start(search, optima, i, HELPS * size)
    master = _mix(search.found, preference, chain.limits)
    for _ in range(MOST_PAIRS):
        table = _table(chain, preference, master.multipliers)
        best = max(search.found, key=lambda found: search._worth(found, table))  # noqa: SLF001
        fresh = search.improved(best.pair, table, HELPS * size)
        tried += 1
        search.found.append(fresh)
        before, master = master, _mix(search.found, preference, chain.limits)
        if master.value - before.value <= HELPS * size:
            break
    returns, costs = (master.shares @ np.array([found.seen[k] for found in search.found]) for k in (0, 1))
    value = float(preference @ returns)
    together = float(optima.values[i])
    return Coupled(
        preference=preference,
        together=together,
        upper=float(optima.upper[i]),
        apart=value,
        returns=returns,
        costs=costs,
        feasible=master.excess <= NEARLY,
        worth=together - value,
        share=(together - value) / size,
        pairs=tried,
    )


def _start(search: _Search, optima: Optimum, i: int, helps: float) -> int:
    """Both starts under the optimum's own prices, improved and not."""
    policy = optima.policies[i].astype(np.float64)
    table = _table(search.chain, optima.preferences[i], optima.multipliers[i])
    distribution = evaluate(search.chain, policy).distribution
    for pair in (projected(search.split, policy, distribution), search.factored(table)):
        search.found.append(search.look(pair))
        search.found.append(search.improved(pair, table, helps))
    return 4


def _table(chain: Chain, preference: Floats, multipliers: Floats) -> Floats:
    """(S, A) w·r − λ·c, 0 where not admissible."""
    table: Floats = np.where(chain.mask, chain.rewards @ preference - chain.costs @ multipliers, 0.0)
    return table


def _mix(found: list[_Found], preference: Floats, limits: Floats) -> _Master:
    """The master programme, with a penalty instead of a refusal while no mixture keeps the limits."""
    gains = np.array([f.seen.returns for f in found]) @ preference
    costs = np.array([f.seen.costs for f in found]).T / limits[:, None]
    answer = linprog(
        np.append(-gains, np.full(len(COSTS), PENALTY)),
        A_ub=np.hstack([costs, -np.eye(len(COSTS))]),
        b_ub=np.ones(len(COSTS)),
        A_eq=np.append(np.ones(len(gains)), np.zeros(len(COSTS)))[None],
        b_eq=[1.0],
        method="highs",
    )
    multipliers = np.maximum(-answer.ineqlin.marginals, 0) / limits
    shares = np.maximum(answer.x[: len(gains)], 0)
    excess = float(answer.x[len(gains) :].max())
    return _Master(shares / shares.sum(), multipliers, excess, float(-answer.fun))
