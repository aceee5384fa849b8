"""The trainer's view of a grid draws from the exact chain."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from circadia.observation import COLUMN, encode
from circadia_lab.policy.env.interface import Seen
from circadia_lab.policy.oracle.evaluation import evaluate, uniform_policy
from circadia_lab.policy.oracle.grid import Grid, observations
from circadia_lab.policy.oracle.grid_environment import GridEnvironment
from circadia_lab.policy.oracle.linear_programme import transitions

BATCH = 4096


def test_sampled_frequencies_are_those_of_the_exact_rows(grid: Grid) -> None:
    """χ² over every outcome that is expected at least five times; 5 standard deviations above its mean fails."""
    environment, draws = GridEnvironment(grid, BATCH), 10
    random = np.random.default_rng(0)
    pairs = np.argwhere(grid.chain.mask)
    step = jax.jit(environment.step)
    for state, action in pairs[random.choice(len(pairs), 8, replace=False)].tolist():
        counts = np.zeros(grid.chain.states)
        for i in range(draws):
            ahead, _ = step(
                jnp.full(BATCH, state, jnp.int32), jnp.full(BATCH, action, jnp.int32), jax.random.key(i)
            )
            counts += np.bincount(np.asarray(ahead), minlength=grid.chain.states)
        expected = BATCH * draws * transitions(grid.chain, np.array([state]), np.array([action])).toarray()[0]
        assert not counts[expected == 0].any()
        often = expected >= 5
        distance = ((counts - expected)[often] ** 2 / expected[often]).sum()
        freedom = max(int(often.sum()) - 1, 1)
        assert distance < freedom + 5 * np.sqrt(2 * freedom)


@pytest.mark.slow
def test_a_long_life_averages_what_the_exact_evaluation_says(grid: Grid) -> None:
    """A wrong move would take it away from the distribution that it starts in."""
    environment, policy = GridEnvironment(grid, BATCH), uniform_policy(grid.chain)
    exact = evaluate(grid.chain, policy)
    random = np.random.default_rng(2)
    first = jnp.asarray(random.choice(grid.chain.states, BATCH, p=exact.distribution), np.int32)
    scores = jnp.asarray(np.where(policy > 0, 0.0, -np.inf))

    @jax.jit
    def live(key: jax.Array) -> jax.Array:
        def tick(state: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
            draw, move = jax.random.split(key)
            action = jax.random.categorical(draw, scores[state]).astype(np.int32)
            after, worth = environment.step(state, action, move)
            return after, jnp.concatenate([worth.reward.mean(0), worth.cost.mean(0)])

        _, worth = jax.lax.scan(tick, first, jax.random.split(key, 200))
        return worth.mean(0)

    seen = np.asarray(live(jax.random.key(0)))
    assert seen[:3] == pytest.approx(exact.returns, abs=0.01)
    assert seen[3:] == pytest.approx(exact.costs, abs=0.01)


def test_a_policy_is_given_what_the_encoder_makes(grid: Grid) -> None:
    environment, random = GridEnvironment(grid, 64), np.random.default_rng(1)
    states = random.integers(0, grid.chain.states, 64).astype(np.int32)
    preference = random.dirichlet(np.ones(3), 64).astype(np.float32)
    seen = environment.see(jnp.asarray(states), jnp.asarray(preference))
    whole = observations(grid, np.zeros(3))[states]
    first = COLUMN["preference_accuracy"]
    whole[:, first : first + 3] = preference
    assert np.abs(np.asarray(seen.encoded, int) - encode(whole).astype(int)).max() <= 1
    assert (np.asarray(seen.encoded) != encode(whole)).mean() < 1e-3
    assert np.array_equal(seen.mask, grid.chain.mask[states])


@pytest.mark.slow
def test_rewards_and_costs_are_the_chain_s(grid: Grid) -> None:
    environment = GridEnvironment(grid, len(grid.chain.mask))
    state = jnp.arange(grid.chain.states, dtype=np.int32)
    _, worth = environment.step(state, jnp.zeros_like(state), jax.random.key(0))
    assert np.asarray(worth.reward) == pytest.approx(grid.chain.rewards[:, 0], abs=1e-5)
    assert np.asarray(worth.cost) == pytest.approx(grid.chain.costs[:, 0], abs=1e-5)
    assert np.array_equal(worth.weight, np.ones(grid.chain.states))


def test_it_starts_anywhere(grid: Grid) -> None:
    environment = GridEnvironment(grid, BATCH)
    first = np.asarray(environment.initial(jax.random.key(0)))
    assert first.shape == (BATCH,)
    assert len(np.unique(first)) > grid.chain.states // 2


def test_exact_averages_are_those_of_the_evaluation(grid: Grid) -> None:
    """Of a policy that draws evenly for the one preference, and for the other sleeps wherever it may."""
    environment = GridEnvironment(grid, 8)
    column = COLUMN["preference_accuracy"]
    evenly = encode(observations(grid, np.array([1.0, 0.0, 0.0])))[0, column]

    def draw_from(seen: Seen) -> jax.Array:
        encoded, mask = seen.encoded, seen.mask
        even = jnp.where(mask, 0.0, -jnp.inf)
        asleep = jnp.where(mask & (jnp.arange(mask.shape[1]) == 0), 0.0, -1e9)
        return jax.nn.log_softmax(jnp.where(encoded[:, [column]] == evenly, even, asleep))

    found = environment.exact(draw_from, np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    first = np.zeros_like(grid.chain.mask, np.float64)
    first[:, 0] = 1
    assert grid.chain.mask[:, 0].all()
    for row, policy in zip(found, (uniform_policy(grid.chain), first), strict=True):
        wanted = evaluate(grid.chain, policy)
        assert row[:3] == pytest.approx(wanted.returns, abs=1e-4)
        assert row[3:] == pytest.approx(wanted.costs / grid.chain.limits, abs=1e-3)
