"""Whole trajectories: NumPy in float64 and JAX in float32 live the same days; months leave float32 sound."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from circadia.observation import DAY_S, encode
from circadia.physics.dynamics import REMEMBERING
from circadia_lab.data.traces.day_trace import DayTrace
from circadia_lab.policy.env import quick_jax
from circadia_lab.policy.env.chance import DRAWS
from circadia_lab.policy.env.environment import STARTS, Fleet, TrainingEnvironment
from circadia_lab.policy.env.fixed import CATALOGUE, TABLE
from circadia_lab.policy.env.problem import Problem, find_problem

if TYPE_CHECKING:
    from circadia.physics.state import State
    from circadia_lab.policy.env.environment import Advanced

DEFAULT = find_problem("default")
TICKS, COPIES = 120, 64
COUNTS = (
    "user_active",
    "link",
    "queue_length",
    "stored_examples",
    "fresh_examples",
    "unsent_examples",
    "spooled_updates",
    "versions_behind",
)


def recorded_problem() -> Problem:
    random = np.random.default_rng(9)
    bins = 2 * 288
    trace = DayTrace(
        bin_s=300.0,
        requests=random.poisson(0.4, bins) * 1.0,
        clearness=random.uniform(0.05, 1.05, bins),
    )
    return replace(DEFAULT, name="recorded", trace=trace)


def wishes(mask: Any, u: Any, xp: Any) -> Any:
    """(…, actions) mask and as many uniforms → the admissible action with the highest."""
    return xp.argmax(xp.where(mask, u, -1.0), axis=-1)


def preference(fleet: Fleet, xp: Any) -> Any:
    return xp.asarray(np.full((*fleet.shape, 3), 1 / 3, np.float32))


@pytest.mark.slow
@pytest.mark.parametrize("problem", [DEFAULT, recorded_problem()], ids=lambda p: p.name)
def test_numpy_and_jax_live_the_same_days(problem: Problem) -> None:
    """The same uniforms, each side choosing by its own mask.

    Rounding may fall on either side of a threshold (a request at its very deadline, a uniform at a share's edge), and
    from there on a device lives another day: so a few of all may part. Until then counts are equal and quantities
    agree to float32's precision, and parted or not the averages agree.
    """
    fleet, small = Fleet(problem, COPIES), Fleet(problem, COPIES, quick_jax)
    random = np.random.default_rng(0)
    start = random.random((*fleet.shape, STARTS)).astype(np.float32)
    state, late = fleet.start(start.astype(np.float64)), jax.jit(small.start)(start)

    @jax.jit
    def tick(state: State, u: Any) -> tuple[Any, Advanced]:
        mask = small.mask(small.look(state, preference(small, jnp)))
        action = wishes(mask, u[..., DRAWS:], jnp)
        return action, small.advance(state, action, u[..., :DRAWS])

    together = np.ones(fleet.shape, bool)
    sums: list[Any] = [0, 0]
    for _ in range(TICKS):
        u = random.random((*fleet.shape, DRAWS + len(CATALOGUE))).astype(np.float32)
        wide = u.astype(np.float64)
        action = wishes(fleet.mask(fleet.look(state, preference(fleet, np))), wide[..., DRAWS:], np)
        ours = fleet.advance(state, action, wide[..., :DRAWS])
        theirs_action, theirs = tick(late, u)
        state, late = ours.state, theirs.state
        together &= action == np.asarray(theirs_action)
        for name in COUNTS:
            together &= np.asarray(getattr(late, name)) == getattr(state, name)
        assert_close(ours, theirs, together)
        for side, one in enumerate((ours, theirs)):
            parts = [np.asarray(x, np.float64) for x in one.outcome]
            sums[side] += np.concatenate([*parts[:2], parts[2][..., None]], -1).sum(1)
    assert together.mean() > 0.9
    means = [s[:, :6] / s[:, 6:] for s in sums]
    assert means[1] == pytest.approx(means[0], rel=0.02, abs=2e-3)


def assert_close(ours: Advanced, theirs: Advanced, where: Any) -> None:
    """0.3 s of two days of time, 1e-3 of a joule in 4e4: a few of float32's last places, and what grows from them."""
    for name, tolerance in (("time_s", 0.3), ("dt_s", 0.1), ("temperature_c", 0.02), ("clearness", 1e-3)):
        one, other = getattr(ours.state, name)[where], np.asarray(getattr(theirs.state, name))[where]
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=tolerance, err_msg=name)
    for name in ("battery_j", "model_age_s", "fresh_age_s", "queue_age_s"):
        one, other = getattr(ours.state, name)[where], np.asarray(getattr(theirs.state, name))[where]
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=0.5, err_msg=name)
    for name in ("reward", "cost", "weight"):
        one = getattr(ours.outcome, name)[where]
        other = np.asarray(getattr(theirs.outcome, name))[where]
        np.testing.assert_allclose(other, one, rtol=5e-3, atol=5e-3, err_msg=name)


def lived(environment: TrainingEnvironment, chunks: int, ticks: int) -> Any:
    """After `chunks` · `ticks` ticks of random admissible actions: state, (chunks, batch) seconds and requests."""
    even = jnp.full((environment.batch, 3), 1 / 3, jnp.float32)

    def tick(state: State, key: Any) -> tuple[State, Any]:
        acting, chance = jax.random.split(key)
        seen = environment.see(state, even)
        u = jax.random.uniform(acting, seen.mask.shape)
        after, worth = environment.step(state, wishes(seen.mask, u, jnp).astype(jnp.int32), chance)
        kept = [x for name, x in after._asdict().items() if name not in REMEMBERING]
        finite = jnp.stack([jnp.isfinite(x).all() for x in (*kept, *worth)]).all()
        return after, (finite, worth.weight * DEFAULT.ticks.period_s)

    @jax.jit
    def run(state: State, key: Any) -> tuple[State, Any]:
        after, (finite, dt_s) = jax.lax.scan(tick, state, jax.random.split(key, ticks))
        return after, (finite.all(), dt_s.sum(0))

    state = jax.jit(environment.initial)(jax.random.key(0))
    seconds = np.zeros(environment.batch)
    for i in range(chunks):
        state, (finite, spent) = run(state, jax.random.key(i + 1))
        assert finite
        seconds += np.asarray(spent, np.float64)
    return state, seconds


@pytest.mark.slow
def test_a_month_leaves_float32_sound() -> None:
    """Time stays in its day, so a second is a second after a month as well as at the start."""
    environment = TrainingEnvironment(DEFAULT, 64)
    state, seconds = lived(environment, 32, 512)
    assert seconds.min() > 30 * DAY_S
    assert float(state.time_s.min()) >= 0
    assert float(state.time_s.max()) <= DAY_S
    assert np.asarray(jnp.floor(state.queue_length) == state.queue_length).all()
    values = environment.fleet.look(state, preference(environment.fleet, jnp))
    assert bool(jnp.isfinite(values[..., : len(TABLE)]).all())
    assert np.abs(np.asarray(encode(values, jnp)).astype(int)).max() == 127


@pytest.mark.slow
def test_a_replayed_trace_is_delivered_in_float32_too() -> None:
    """Requests that came over several rounds are those that the record holds for the bins that passed."""
    problem = recorded_problem()
    assert problem.trace is not None
    fleet = Fleet(problem, 32, jnp)
    before = np.concatenate([[0.0], np.cumsum(problem.trace.requests)])
    length_s = problem.trace.days * DAY_S

    @jax.jit
    def tick(state: State, key: Any) -> tuple[State, Any]:
        acting, chance = jax.random.split(key)
        u = jax.random.uniform(chance, (*fleet.shape, DRAWS))
        action = jax.random.randint(acting, fleet.shape, 0, len(CATALOGUE))
        after, _, result = fleet.advance(state, action, u)
        gone = result.requests_served + result.requests_expired
        came = after.queue_length - state.queue_length + gone
        rounds = jnp.floor((state.time_s + result.dt_s) / length_s)
        return fleet.wrapped(after), (came, rounds)

    state = jax.jit(fleet.start)(np.random.default_rng(1).random((*fleet.shape, STARTS)).astype(np.float32))
    start = np.asarray(state.time_s)
    state, (came, rounds) = jax.lax.scan(tick, state, jax.random.split(jax.random.key(2), 3000))
    passed = rounds.sum(0) * before[-1] + before[(np.asarray(state.time_s) // 300).astype(int)]
    np.testing.assert_array_equal(came.sum(0), passed - before[(start // 300).astype(int)])
    assert float(rounds.sum(0).min()) >= 2
