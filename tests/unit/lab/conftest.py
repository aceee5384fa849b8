"""Small problems for everything, and quick compiling: these programmes are small and run for moments."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache
from scipy.optimize import linprog

from circadia.observation import COLUMN, WIDTH
from circadia_lab.policy.cmoppo.config import Config
from circadia_lab.policy.env.fixed import INDEX, NAMES
from circadia_lab.policy.env.interface import Outcome, Seen
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.env.problem import CostLimits
from circadia_lab.policy.oracle.grid import Grid, make_grid
from circadia_lab.policy.oracle.grids import board, phone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from circadia_lab.policy.oracle.spec import GridSpec

PREFERENCE = [COLUMN[name] for name in ("preference_accuracy", "preference_latency", "preference_energy")]
STATES, ACTIONS = 12, len(NAMES)
SLEEP, SERVE, TRAIN = INDEX["sleep"], INDEX["serve/low/small"], INDEX["train/low/small"]


def told(looks: Any, preference: Any) -> Any:
    """(batch, WIDTH) int8 with the preference's columns filled."""
    return looks.at[:, np.array(PREFERENCE)].set(jnp.rint(254 * preference - 127).astype(jnp.int8))


class Chain:
    """Random transitions, rewards and costs; what a state looks like is a random int8 vector."""

    name = "chain"

    def __init__(self, batch: int, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self.batch = batch
        self.kinds = np.zeros(batch, np.int64)
        self.p = random.dirichlet(np.full(STATES, 0.3), (STATES, ACTIONS))
        self.reward = random.uniform(-1, 1, (STATES, ACTIONS, 3))
        self.cost = (random.random((STATES, ACTIONS, 3)) < 0.3).astype(float)
        self.weight = random.choice([1.0, 2.0], (STATES, ACTIONS))
        self.limits = np.array([0.1, 0.12, 0.15])
        self.mask = random.random((STATES, ACTIONS)) < 0.7
        self.mask[:, 0] = True
        self.looks = random.integers(-127, 128, (STATES, WIDTH)).astype(np.int8)
        self.potential = random.normal(0, 1, (STATES, 3))

    def initial(self, key: Any) -> Any:
        return jax.random.randint(key, (self.batch,), 0, STATES)

    def see(self, state: Any, preference: Any) -> Seen:
        return Seen(told(jnp.asarray(self.looks)[state], preference), jnp.asarray(self.mask)[state])

    def step(self, state: Any, action: Any, key: Any) -> tuple[Any, Outcome]:
        cumulative = jnp.asarray(self.p.cumsum(-1), jnp.float32)[state, action]
        u = jax.random.uniform(key, (self.batch, 1))
        after = jnp.minimum((cumulative <= u).sum(-1), STATES - 1)
        brought = [jnp.asarray(x, jnp.float32)[state, action] for x in (self.reward, self.cost, self.weight)]
        return after, Outcome(*brought)

    def promise(self, state: Any) -> Any:
        """Anything may be promised: no average depends on it."""
        return jnp.asarray(self.potential, jnp.float32)[state]

    def optimum(self, preference: Any) -> float:
        """max Σ x r / Σ x w over stationary x with Σ x c ≤ limit Σ x w, in the scaling Σ x w = 1."""
        flow = np.repeat(np.eye(STATES), ACTIONS, 0) - self.p.reshape(-1, STATES)
        solved = linprog(
            -(self.reward @ preference).ravel(),
            A_ub=self.cost.reshape(-1, 3).T,
            b_ub=self.limits,
            A_eq=np.vstack([flow.T, self.weight.ravel()]),
            b_eq=np.append(np.zeros(STATES), 1),
            bounds=[(0, None if allowed else 0) for allowed in self.mask.ravel()],
        )
        return float(-solved.fun)

    def at_random(self) -> Any:
        """(objectives,) averages of drawing among what is allowed evenly."""
        policy = self.mask / self.mask.sum(-1, keepdims=True)
        chain = np.einsum("sa,sat->st", policy, self.p)
        values, vectors = np.linalg.eig(chain.T)
        stationary = np.real(vectors[:, np.argmax(np.real(values))])
        x = stationary[:, None] * policy
        return np.einsum("sa,sak->k", x, self.reward) / (x * self.weight).sum()

    def optima(self) -> Any:
        return np.array([self.optimum(w) for w in ANCHORS])


class TwoStates:
    """At 0 a device earns 1 of energy asleep or 1 of latency serving, or trains and moves to 1.

    There it earns 3 of accuracy and costs 1 a tick, until it falls back, which it does every other time. With the share
    x of its time at 1 it trains in x / 2 of all ticks, and earns 3 w_a x + max(w_l, w_e) (1 − 3x / 2); x may be `limit`
    at most, so that the best is x = 0 or x = limit: with 1/3 by drawing to train a quarter of the time.
    """

    name = "two states"

    def __init__(self, batch: int, limit: float = 1 / 3) -> None:
        self.batch = batch
        self.limits = np.array([limit, 1.0, 1.0])
        self.kinds = np.arange(batch) % 2
        self.mask = np.zeros((2, ACTIONS), bool)
        self.mask[0, [SLEEP, SERVE, TRAIN]] = self.mask[1, SLEEP] = True
        self.reward = np.zeros((2, ACTIONS, 3))
        self.reward[0, SLEEP, 2] = self.reward[0, SERVE, 1] = 1.0
        self.reward[1, SLEEP, 0] = 3.0

    def initial(self, key: Any) -> Any:
        return jax.random.bernoulli(key, 0.5, (self.batch,)).astype(jnp.int32)

    def see(self, state: Any, preference: Any) -> Seen:
        looks = (
            jnp.zeros((self.batch, WIDTH), jnp.int8)
            .at[:, COLUMN["charging"]]
            .set((100 * state).astype(jnp.int8))
        )
        return Seen(told(looks, preference), jnp.asarray(self.mask)[state])

    def step(self, state: Any, action: Any, key: Any) -> tuple[Any, Outcome]:
        stays = jax.random.bernoulli(key, 0.5, (self.batch,))
        after = jnp.where(state == 1, stays, action == TRAIN).astype(jnp.int32)
        cost = jnp.zeros((self.batch, 3)).at[:, 0].set(state)
        return after, Outcome(
            jnp.asarray(self.reward, jnp.float32)[state, action], cost, jnp.ones(self.batch)
        )

    def promise(self, state: Any) -> Any:
        return jnp.zeros((*state.shape, 3))

    def optimum(self, preference: Any) -> tuple[float, float]:
        """The value and the share x that attains it."""
        accuracy, rest = preference[0], max(preference[1:])
        x = float(self.limits[0]) if 3 * accuracy > 1.5 * rest else 0.0
        return 3 * accuracy * x + rest * (1 - 1.5 * x), x


def coarse(spec: GridSpec) -> GridSpec:
    """The same on coarse axes: fewer than a thousand states."""
    return replace(
        spec,
        name=f"coarse-{spec.name}",
        costs=CostLimits(expired=0.1, stale=0.3, old=0.3),
        battery_levels=4,
        queue_lots=(1.0,),
        fresh_ages=(4.0, 16.0),
        behind_ages=(3.0, 16.0),
        unsent_lots=(0.0,),
        request_scale=1.0,
    )


@pytest.fixture(scope="session")
def chain() -> type[Chain]:
    return Chain


@pytest.fixture(scope="session")
def two_states() -> type[TwoStates]:
    return TwoStates


@pytest.fixture(scope="session")
def coarse_phone() -> GridSpec:
    return coarse(phone())


@pytest.fixture(scope="session")
def grid(coarse_phone: GridSpec) -> Grid:
    return make_grid(coarse_phone)


@pytest.fixture(scope="session")
def board_grid() -> Grid:
    return make_grid(coarse(board()))


@pytest.fixture(scope="session")
def tiny() -> Config:
    """Six updates of a batch of 24, each with a report and a checkpoint, and no second stage."""
    return Config(
        steps=24 * 4 * 6,
        ticks=4,
        free_share=0.125,
        actor_width=8,
        critic_width=8,
        epochs=1,
        minibatches=2,
        judgements=2,
        judged_ticks=8,
        judged_warm_up=2,
        extension_share=0.0,
        extension_rounds=0,
        report_every=1,
        checkpoint_every=1,
    )


@pytest.fixture(scope="session")
def lightly(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], AbstractContextManager[None]]:
    """Inside it JAX compiles with little optimisation, and the same programme once only."""
    folder = str(tmp_path_factory.mktemp("compiled"))
    wanted: dict[str, Any] = {
        "jax_compilation_cache_dir": folder,
        "jax_persistent_cache_min_compile_time_secs": 0.1,
        "jax_persistent_cache_min_entry_size_bytes": 0,
        "jax_disable_most_optimizations": True,
    }

    @contextmanager
    def light() -> Iterator[None]:
        before = {name: jax.config.values[name] for name in wanted}
        configure(wanted)
        try:
            yield
        finally:
            configure(before)

    return light


@pytest.fixture
def quick(lightly: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    with lightly():
        yield


def configure(values: dict[str, Any]) -> None:
    for name, value in values.items():
        jax.config.update(name, value)  # type: ignore[no-untyped-call]
    compilation_cache.reset_cache()
