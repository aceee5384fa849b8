"""Wakes that choose their sleep: a semi-Markov problem that is solved by hand, solved by training."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from circadia.actions import INDEX, NAMES
from circadia.observation import COLUMN, TABLE, encode
from circadia_lab.policy.cmoppo.config import Config
from circadia_lab.policy.cmoppo.train import train
from circadia_lab.policy.env.interface import OBJECTIVES, Outcome, Seen
from circadia_lab.policy.env.preferences import ANCHORS

REST, SERVE = INDEX["sleep"], INDEX["serve/low/small"]
RATES = np.array([0.25, 4.0])
EDGES = 2.0 ** np.arange(-4, 4.5, 0.5)
BINS = len(EDGES) - 1
UNTIL_DUE = 1.0
LEFT = 5.0


class Rounds:
    """Calm or busy times, drawn anew at each wake; requests come at rate r and wait until the next wake serves them.

        reward a wake:  latency −r d² / 2, energy −1 at the wake,  d the sleep's length in periods

    Whoever leaves them unserved pays `LEFT` more. With weights k of latency and c of energy, the best average is
    −ρ, ρ² = 4 c k / Σ 1/r, at the lengths d = ρ / (k r). Judging each wake by itself gives d = √(2 c / (k r)) instead, a
    sixth more.
    """

    name, limits, actions, options = "rounds", np.array([0.5, 0.5, 0.5]), len(NAMES), 3 * (BINS + 1)

    def __init__(self, batch: int) -> None:
        self.batch, self.kinds = batch, np.zeros(batch, np.int64)

    def initial(self, key: Any) -> Any:
        return jax.random.randint(key, (self.batch,), 0, 2, np.int32)

    def see(self, state: Any, preference: Any) -> Seen:
        values = jnp.zeros((self.batch, len(TABLE)), np.float32)
        values = values.at[:, COLUMN["battery_soc"]].set(state.astype(np.float32))
        first = COLUMN[f"preference_{OBJECTIVES[0]}"]
        values = values.at[:, first : first + len(OBJECTIVES)].set(preference)
        mask = np.zeros((self.batch, self.actions), bool)
        mask[:, [REST, SERVE]] = True
        sleeps = np.broadcast_to(np.arange(self.options) <= BINS, (self.batch, self.options))
        return Seen(encode(values, jnp), jnp.asarray(mask), jnp.asarray(sleeps))

    def step(self, state: Any, choice: Any, key: Any) -> Any:
        edges = jnp.asarray(EDGES)
        low = jnp.minimum(choice.sleep, BINS - 1)
        length = edges[low] * (edges[1] / edges[0]) ** choice.place
        length = jnp.where(choice.sleep < BINS, length, UNTIL_DUE)
        waited = jnp.asarray(RATES)[state] * length**2 / 2 + LEFT * (choice.work != SERVE)
        reward = jnp.stack([0 * waited, -waited, -jnp.ones_like(waited)], -1)
        return self.initial(key), Outcome(reward, jnp.zeros_like(reward), length)

    def promise(self, state: Any) -> Any:
        return jnp.zeros((*state.shape, len(OBJECTIVES)))


def best(preference: Any) -> float:
    """The least average cost."""
    _, k, c = preference
    return float(np.sqrt(4 * c * k / (1 / RATES).sum()))


def cost(work: Any, sleep: Any, preference: Any) -> float:
    """(2, actions), (2, options) chances in calm and busy times → what they cost on average, exactly."""
    low, high = EDGES[:-1], EDGES[1:]
    once = np.append((high - low) / np.log(high / low), UNTIL_DUE)
    twice = np.append((high**2 - low**2) / (2 * np.log(high / low)), UNTIL_DUE**2)
    _, k, c = preference
    kept = sleep[:, : BINS + 1]
    waited = RATES * (kept @ twice) / 2 + LEFT * (1 - work[:, SERVE])
    return float((k * waited + c).sum() / (kept @ once).sum())


@pytest.mark.slow
def test_it_finds_the_best_lengths_of_sleep_in_calm_and_in_busy_times() -> None:
    """As they are drawn in 8 bits. What cares for one of both only has its optimum at an end of the lengths."""
    config = Config(
        steps=400 * 8 * 504,
        ticks=8,
        actor_width=32,
        critic_width=32,
        actor_rate=3e-3,
        entropy=0.02,
        entropy_last=0.0005,
        discount=0.999,
        sleeps=True,
        least_energy=0.0,
        judgements=1,
        judged_ticks=100,
        judged_warm_up=10,
        extension_share=0.0,
    )
    found = train(Rounds(504), config, 0)
    cares = ANCHORS[ANCHORS[:, 1:].min(1) > 0]
    over = []
    for preference in cares:
        seen = Rounds(2).see(jnp.arange(2), jnp.asarray(np.tile(preference, (2, 1)), jnp.float32))
        work, sleep = map(np.exp, found.draw_from(rounded=True)(seen.encoded, seen.mask, seen.sleeps))
        assert not np.asarray(sleep)[:, BINS + 1 :].any()
        over.append(cost(np.asarray(work), np.asarray(sleep), preference) / best(preference) - 1)
    assert len(over) == 10
    assert min(over) > -1e-6
    assert np.mean(over) < 0.03
    assert max(over) < 0.08
