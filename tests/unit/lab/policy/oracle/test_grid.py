"""The grid problem is the physics' own."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from circadia.actions import INDEX
from circadia.energy.battery import energy_j
from circadia.errors import ConfigError
from circadia.observation import COLUMN
from circadia.physics import dynamics
from circadia.physics.state import State
from circadia_lab.policy.env.interface import OBJECTIVES
from circadia_lab.policy.oracle.columns import InfeasibleProblem, Pool, solve
from circadia_lab.policy.oracle.crossings import avoidable_crossings
from circadia_lab.policy.oracle.enumeration import lots_of
from circadia_lab.policy.oracle.evaluation import evaluate, uniform_policy
from circadia_lab.policy.oracle.grid import Grid, make_grid, network_policy, observations
from circadia_lab.policy.oracle.grids import GRIDS, grid_named, phone
from circadia_lab.policy.oracle.linear_programme import best_occupation, transitions
from circadia_lab.policy.oracle.spec import GridSpec


def test_contexts_have_the_day_s_shares_and_bring_the_day_s_demand(grid: Grid, board_grid: Grid) -> None:
    for each in (grid, board_grid):
        shares = each.contexts.shares
        assert shares.sum() == pytest.approx(1)
        assert (shares > 0).all()
        for rate, table in (
            (each.contexts.requests_per_s, each.day.requests_per_hour),
            (each.contexts.examples_per_s, each.day.examples_per_hour),
        ):
            assert shares @ rate * 3600 == pytest.approx(np.mean(table), rel=1e-6)


def test_a_phone_is_on_its_charger_as_long_as_its_day_says(grid: Grid) -> None:
    night_s = (grid.day.unplug_s - grid.day.plug_in_s) % 86400
    assert grid.contexts.shares[0] == pytest.approx(night_s / 86400, abs=0.5 / 96)


def test_lots_have_the_mean_of_their_rates(grid: Grid) -> None:
    for context, (requests, examples) in enumerate(
        zip(grid.contexts.requests_per_s, grid.contexts.examples_per_s, strict=True)
    ):
        lots = lots_of(grid.spec, grid.params, grid.contexts, context)
        assert lots.share.sum() == pytest.approx(1)
        assert lots.share @ lots.noise.arrivals == pytest.approx(900 * requests)
        assert lots.share @ lots.noise.examples == pytest.approx(900 * examples)
        assert lots.share @ lots.noise.published == pytest.approx(0.5)


def test_rows_keep_the_means_that_the_physics_gives(grid: Grid, board_grid: Grid) -> None:
    """Battery, unsent and model's age of a step, averaged over the lots, are those of the row where the grid reaches."""
    for each in (grid, board_grid):
        random = np.random.default_rng(0)
        pairs = np.argwhere(each.chain.mask)
        chosen = pairs[random.choice(len(pairs), 300, replace=False)]
        table = inner_rows(each, chosen)
        for row, (state, action) in zip(table, chosen, strict=True):
            lots = lots_of(each.spec, each.params, each.contexts, state // each.chain.inner)
            before = State(*(x[state] for x in each.states))
            after, result = dynamics.step(before, action, lots.noise, each.params, np)
            every = State(*(x[: each.chain.inner] for x in each.states))
            assert row @ every.battery_j == pytest.approx(np.max(after.battery_j), abs=1e-3)
            length = np.minimum(after.queue_length, max(each.axes.queue.counts))
            assert row @ every.queue_length == pytest.approx(float(lots.share @ (length + 0 * lots.share)))
            assert np.all(after.spooled_updates == 0)
            assert np.all(result.busy_s <= each.spec.tick_s)


def inner_rows(grid: Grid, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    inner = grid.chain.inner
    blocks = {c: csr_array(block) for c, block in enumerate(grid.chain.blocks)}
    return np.vstack([blocks[s // inner][[a * inner + s % inner]].toarray()[0] for s, a in pairs.tolist()])


def test_whole_rows_sum_to_one(grid: Grid) -> None:
    states, actions = np.nonzero(grid.chain.mask)
    rows = transitions(grid.chain, states[:500], actions[:500])
    assert rows.shape == (500, grid.chain.states)
    assert rows.sum(axis=1) == pytest.approx(np.ones(500))


def test_the_shield_keeps_its_promise_in_every_state(grid: Grid, board_grid: Grid) -> None:
    for each in (grid, board_grid):
        assert each.chain.mask[:, 0].all()
        assert not each.chain.mask.all()
        assert len(avoidable_crossings(each)) == 0


def test_without_the_shield_the_promise_would_be_broken(grid: Grid) -> None:
    """So that the check above can fail."""
    bare = replace(grid, chain=replace(grid.chain, mask=np.ones_like(grid.chain.mask)))
    assert len(avoidable_crossings(bare)) > 0


@pytest.mark.slow
def test_the_shield_keeps_its_promise_in_every_state_of_the_shipped_grids() -> None:
    for name in ("phone", "small-battery", "board"):
        assert len(avoidable_crossings(make_grid(grid_named(name)))) == 0


@pytest.mark.slow
def test_optimum_and_highs_agree_on_the_grid(grid: Grid) -> None:
    weights = np.array([0.0, 0.0, 1.0])
    found = solve(Pool(chain=grid.chain), weights, tolerance=1e-4)
    best = best_occupation(grid.chain, weights).value
    assert found.value - 1e-7 <= best <= found.upper + 1e-7
    assert found.gap <= 1e-4
    seen = evaluate(grid.chain, found.policy)
    assert seen.returns @ weights == pytest.approx(found.value, abs=1e-6)
    assert (seen.costs <= grid.chain.limits + 1e-6).all()
    assert found.costs == pytest.approx(grid.chain.limits, abs=1e-6)


def test_a_limit_below_what_is_possible_is_named(grid: Grid) -> None:
    chain = replace(grid.chain, limits=np.array([0.1, 0.3, 1e-3]))
    with pytest.raises(InfeasibleProblem, match=r"old must average at most 0\.001"):
        solve(Pool(chain=chain), np.array([1.0, 0.0, 0.0]))


def test_what_a_device_sees_in_a_state(grid: Grid) -> None:
    seen = observations(grid, np.array([0.2, 0.3, 0.5]))
    assert seen.shape == (grid.chain.states, len(COLUMN))
    assert np.isfinite(
        seen[:, : COLUMN["preference_energy"] + 1]
    ).all()  # what is remembered of late no state knows
    assert seen[0, COLUMN["charging"]] == 1
    assert seen[-1, COLUMN["user_active"]] == 1
    assert np.unique(seen[:, COLUMN["battery_soc"]]) == pytest.approx(np.linspace(0, 1, 4), abs=1e-6)
    assert seen[:, COLUMN["preference_energy"]] == pytest.approx(0.5)


def test_a_network_s_policy_is_its_masked_softmax(grid: Grid) -> None:
    def scorer(x: NDArray[np.float32]) -> NDArray[np.float64]:
        scores = np.zeros((len(x), grid.chain.actions))
        scores[:, INDEX["train/low/small"]] = np.log(3)
        scores[:, INDEX["train/high/large"]] = -np.inf
        return scores

    policy = network_policy(grid, scorer, np.full(3, 1 / 3))
    assert policy.sum(axis=1) == pytest.approx(np.ones(len(policy)))
    assert not (policy * ~grid.chain.mask).any()
    assert not policy[:, INDEX["train/high/large"]].any()
    free = grid.chain.mask[:, INDEX["train/low/small"]]
    assert policy[free, INDEX["train/low/small"]] == pytest.approx(3 * policy[free, 0])
    assert evaluate(grid.chain, policy).returns.shape == (len(OBJECTIVES),)


def test_serving_more_lets_less_expire(grid: Grid) -> None:
    """The grid's measures are those of the environment: asleep, everything expires."""
    asleep = evaluate(grid.chain, np.zeros(grid.chain.states, np.int64))
    busy = evaluate(grid.chain, uniform_policy(grid.chain))
    assert asleep.costs[0] == pytest.approx(1)
    assert asleep.returns[1] == pytest.approx(-1)
    assert busy.costs[0] < 0.7
    assert busy.returns[2] < asleep.returns[2]


def test_battery_levels_are_even_in_charge(grid: Grid) -> None:
    assert grid.axes.battery.levels == pytest.approx(energy_j(np.linspace(0, 1, 4), grid.params.battery))


def test_shipped_grids_have_the_sizes_they_say() -> None:
    assert set(GRIDS) >= {"phone", "phone-40k", "phone-170k", "phone-1m", "board"}
    with pytest.raises(ConfigError, match="unknown grid"):
        grid_named("phones")


def test_nonsense_is_named() -> None:
    with pytest.raises(ConfigError, match="battery_levels"):
        GridSpec(battery_levels=1)
    with pytest.raises(ConfigError, match="request_scale"):
        replace(phone(), request_scale=0.0)
    with pytest.raises(ConfigError, match="longer than a tick"):
        make_grid(replace(phone(), work_scale=6.0, battery_levels=2))
    with pytest.raises(ConfigError, match="divide the day"):
        make_grid(replace(phone(), tick_s=1000.0))
