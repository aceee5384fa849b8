"""A small constrained decision process with a known optimum."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from circadia.actions import NAMES
from circadia.observation import COLUMN, WIDTH
from circadia_lab.env.interface import Outcome, Seen
from circadia_lab.env.preferences import ANCHORS

PREFERENCE = [COLUMN[name] for name in ("preference_accuracy", "preference_latency", "preference_energy")]
STATES, ACTIONS = 12, len(NAMES)


class Chain:
    """Random transitions, rewards and costs; what a state looks like is a random int8 vector."""

    name = "chain"

    def __init__(self, batch: int, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self.batch = batch
        self.p = random.dirichlet(np.full(STATES, 0.3), (STATES, ACTIONS))
        self.reward = random.uniform(-1, 1, (STATES, ACTIONS, 3))
        self.cost = (random.random((STATES, ACTIONS, 3)) < 0.3).astype(float)
        self.weight = random.choice([1.0, 2.0], (STATES, ACTIONS))
        self.limits = np.array([0.1, 0.12, 0.15])
        self.mask = random.random((STATES, ACTIONS)) < 0.7
        self.mask[:, 0] = True
        self.looks = random.integers(-127, 128, (STATES, WIDTH)).astype(np.int8)

    def initial(self, key: Any) -> Any:
        return jax.random.randint(key, (self.batch,), 0, STATES)

    def see(self, state: Any, preference: Any) -> Seen:
        told = jnp.rint(254 * preference - 127).astype(jnp.int8)
        encoded = jnp.asarray(self.looks)[state].at[:, np.array(PREFERENCE)].set(told)
        return Seen(encoded, jnp.asarray(self.mask)[state])

    def step(self, state: Any, action: Any, key: Any) -> tuple[Any, Outcome]:
        cumulative = jnp.asarray(self.p.cumsum(-1), jnp.float32)[state, action]
        u = jax.random.uniform(key, (self.batch, 1))
        after = jnp.minimum((cumulative <= u).sum(-1), STATES - 1)
        brought = [jnp.asarray(x, jnp.float32)[state, action] for x in (self.reward, self.cost, self.weight)]
        return after, Outcome(*brought)

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


@pytest.fixture
def chain() -> type[Chain]:
    return Chain
