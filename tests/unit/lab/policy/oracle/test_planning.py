"""Planning and column generation on chains whose optimum can be computed by hand."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from circadia.errors import ConfigError
from circadia_lab.policy.oracle.chain import Chain, checked
from circadia_lab.policy.oracle.columns import InfeasibleProblem, Pool, solve
from circadia_lab.policy.oracle.evaluation import evaluate, uniform_policy
from circadia_lab.policy.oracle.linear_programme import best_occupation
from circadia_lab.policy.oracle.planning import plan

Floats = NDArray[np.float64]
ACCURACY = np.array([1.0, 0.0, 0.0])
NO_COSTS = np.zeros(3)


def two_states(*, back: float = 0.5, expired: float = 1.0) -> Chain:
    """State 0 earns 1 by staying; or it moves to state 1, which earns 3 and costs 1 a tick, until it falls back.

    A stay there lasts 1 / back ticks, so of the time h = 1 / (1 + back) is spent there, and who moves earns 3 h.
    """
    rows = csr_array([[1.0, 0.0], [back, 1 - back], [0.0, 1.0], [0.0, 0.0]])
    rewards, costs = np.zeros((2, 2, 3)), np.zeros((2, 2, 3))
    rewards[0, 0, 0], rewards[1, 0, 0], costs[1, 0, 0] = 1.0, 3.0, 1.0
    return checked(
        Chain(
            blocks=(rows,),
            context=np.ones((1, 1)),
            mask=np.array([[True, True], [True, False]]),
            rewards=rewards,
            costs=costs,
            limits=np.array([expired, 1.0, 1.0]),
        )
    )


def cycle() -> Chain:
    """Two states in turn, whatever is done; 0 earns 2 at best."""
    rows = csr_array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    rewards = np.zeros((2, 2, 3))
    rewards[0, 1, 0] = 2.0
    return checked(
        Chain(
            blocks=(rows,),
            context=np.ones((1, 1)),
            mask=np.array([[True, True], [True, False]]),
            rewards=rewards,
            costs=np.zeros((2, 2, 3)),
            limits=np.ones(3),
        )
    )


@pytest.mark.parametrize("back", [0.25, 0.5, 0.9, 1.0])
def test_the_bounds_close_on_the_gain_known_in_closed_form(back: float) -> None:
    chain = two_states(back=back)
    found = plan(chain, chain.objective(ACCURACY, NO_COSTS), tolerance=1e-9)
    assert found.lower - 1e-12 <= 3 / (1 + back) <= found.upper + 1e-12
    assert found.upper - found.lower <= 1e-9
    assert found.actions.tolist() == [1, 0]


def test_a_periodic_chain_converges() -> None:
    chain = cycle()
    found = plan(chain, chain.objective(ACCURACY, NO_COSTS), tolerance=1e-9)
    assert found.lower == pytest.approx(1.0, abs=1e-9)
    assert found.upper == pytest.approx(1.0, abs=1e-9)


def test_every_bound_on_the_way_holds() -> None:
    chain = two_states()
    for tolerance in (1.0, 0.3, 0.1, 1e-2, 1e-4):
        found = plan(chain, chain.objective(ACCURACY, NO_COSTS), tolerance=tolerance, round_sweeps=1)
        assert found.lower - 1e-12 <= 2.0 <= found.upper + 1e-12
        gain = evaluate(chain, found.actions).returns[0]
        assert gain >= found.lower - 1e-9


def test_a_limit_that_binds_is_met_by_a_mixture_with_the_price_known_in_closed_form() -> None:
    """Moving costs h = 2/3 of the time; at most 1/2 may: three quarters move. 1/4 · 1 + 3/4 · 2, λ = (2 − 1) / h."""
    chain = two_states(expired=0.5)
    found = solve(Pool(chain=chain), ACCURACY, tolerance=1e-9)
    assert found.value == pytest.approx(1.75)
    assert found.upper == pytest.approx(1.75)
    assert found.costs[0] == pytest.approx(0.5)
    assert found.multipliers == pytest.approx([1.5, 0, 0])
    assert sorted(found.mixture) == pytest.approx([0.25, 0.75])


def test_the_single_stationary_policy_attains_the_mixture() -> None:
    """Who stays and who moves are two policies; the one that joins them has x(0, stay) = x(0, move) = 1/4."""
    chain = two_states(expired=0.5)
    found = solve(Pool(chain=chain), ACCURACY, tolerance=1e-9)
    assert found.policy[0] == pytest.approx([0.5, 0.5])
    seen = evaluate(chain, found.policy, residual=1e-13)
    assert seen.returns[0] == pytest.approx(found.value)
    assert seen.costs[0] == pytest.approx(0.5)


def test_a_limit_that_nobody_can_keep_is_named_with_the_least_there_is() -> None:
    chain = two_states(back=0.5, expired=0.3)
    rows = chain.blocks[0].toarray()
    rows[0] = 0
    chain = checked(replace(chain, blocks=(csr_array(rows),), mask=np.array([[False, True], [True, False]])))
    with pytest.raises(
        InfeasibleProblem, match=r"expired must average at most 0\.3, and 0\.6667 is its least"
    ):
        solve(Pool(chain=chain), ACCURACY)
    with pytest.raises(InfeasibleProblem):
        best_occupation(chain, ACCURACY)


def test_the_linear_programme_agrees() -> None:
    found = best_occupation(two_states(expired=0.5), ACCURACY)
    assert found.value == pytest.approx(1.75)
    assert found.shares == pytest.approx(np.array([[0.25, 0.25], [0.5, 0.0]]))


@pytest.mark.slow
def test_random_chains_agree_with_the_linear_programme() -> None:
    for seed in range(4):
        chain = random_chain(np.random.default_rng(seed))
        pool = Pool(chain=chain)
        for preference in ([1.0, 0, 0], [0.2, 0.5, 0.3], [0, 0, 1.0]):
            weights = np.array(preference)
            best = best_occupation(chain, weights).value
            found = solve(pool, weights, tolerance=1e-5)
            assert found.value - 1e-9 <= best <= found.upper + 1e-9
            assert found.upper - found.value <= 1e-4
            seen = evaluate(chain, found.policy)
            assert seen.returns @ weights == pytest.approx(found.value, abs=1e-7)
            assert (seen.costs <= chain.limits + 1e-7).all()


def random_chain(random: np.random.Generator) -> Chain:
    contexts, inner, actions = 3, 12, 4
    mask = random.random((contexts * inner, actions)) < 0.7
    mask[:, 0] = True
    admitted = mask.reshape(contexts, inner, actions).transpose(0, 2, 1).reshape(contexts, -1)
    costs = random.random((contexts * inner, actions, 3))
    return checked(
        Chain(
            blocks=tuple(
                csr_array(stochastic(random, actions * inner, inner) * m[:, None]) for m in admitted
            ),
            context=stochastic(random, contexts, contexts),
            mask=mask,
            rewards=random.random((contexts * inner, actions, 3)),
            costs=costs,
            limits=np.array([0.42, 0.45, 0.42]),
        )
    )


def stochastic(random: np.random.Generator, rows: int, columns: int) -> Floats:
    table: Floats = random.random((rows, columns)) * (random.random((rows, columns)) < 0.3)
    table[:, 0] += 0.01
    table /= table.sum(axis=1, keepdims=True)
    return table


def test_a_policy_that_is_not_admissible_is_refused() -> None:
    chain = two_states()
    with pytest.raises(ConfigError, match="policy"):
        evaluate(chain, np.array([0, 1]))
    with pytest.raises(ConfigError, match="policy"):
        evaluate(chain, np.array([[0.5, 0.4], [1.0, 0.0]]))


def test_parts_that_do_not_fit_are_named() -> None:
    chain = two_states()
    with pytest.raises(ConfigError, match="sum to 1"):
        checked(replace(chain, blocks=(0.9 * chain.blocks[0],)))


def test_the_uniform_policy_s_average_is_exact() -> None:
    """From 0 half of the ticks move: π(1) = ½ π(0) / back, so π(0) = ½; r = ½ · ½ · 1 + ½ · 3."""
    chain = two_states()
    seen = evaluate(chain, uniform_policy(chain), residual=1e-13)
    assert seen.distribution == pytest.approx([0.5, 0.5])
    assert seen.returns[0] == pytest.approx(1.75)
    assert seen.residual <= 1e-13
