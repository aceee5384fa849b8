"""Wakes that choose their sleep: a semi-Markov problem that is solved by hand, solved by training."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from circadia.actions import INDEX, NAMES
from circadia.errors import ConfigError
from circadia.observation import COLUMN, TABLE, encode
from circadia_lab.policy.cmoppo.actor import actor_of
from circadia_lab.policy.cmoppo.advantage import advantages
from circadia_lab.policy.cmoppo.config import Config
from circadia_lab.policy.cmoppo.rollout import rollout
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
    """As they are drawn in 8 bits, by bins that are 1.4 times the one before; whoever judges each wake by itself is a sixth over."""
    config = Config(
        steps=700 * 8 * 252,
        ticks=8,
        tried=3,
        explored=1,
        actor_width=32,
        critic_width=32,
        actor_rate=3e-3,
        entropy=0.1,
        entropy_last=0.001,
        discount=0.999,
        sleeps=True,
        trace=0.3,
        least_energy=0.0,
        averaging=0.05,
        multiplier_rate=0.0,
        judgements=1,
        judged_ticks=100,
        judged_warm_up=10,
        extension_share=0.0,
    )
    found = train(Rounds(252), config, 0)
    cares = ANCHORS[ANCHORS[:, 1:].min(1) > 0]
    over = []
    for preference in cares:
        seen = Rounds(2).see(jnp.arange(2), jnp.asarray(np.tile(preference, (2, 1)), jnp.float32))
        work, sleep = map(np.exp, found.draw_from(rounded=True)(seen))
        assert not np.asarray(sleep)[:, BINS + 1 :].any()
        over.append(cost(np.asarray(work), np.asarray(sleep), preference) / best(preference) - 1)
    assert len(over) == 10
    assert min(over) > -1e-6
    assert np.median(over) < 0.06
    assert np.mean(over) < 0.09
    assert alone(ANCHORS[7]) > 0.15


def alone(preference: Any) -> float:
    """What lengths cost more that are best for each wake by itself."""
    _, k, c = preference
    length = np.sqrt(2 * c / (k * RATES))
    return float((k * RATES * length**2 / 2 + c).sum() / length.sum() / best(preference) - 1)


def test_cutting_a_sleep_in_two_changes_no_advantage_where_traces_are_in_time() -> None:
    """A reward that comes evenly, a value that the critic does not know, γ near 1."""
    trace, weight = 0.8, np.array([[1.0], [3.0], [2.0]])
    halves = np.repeat(weight / 2, 2, 0)
    values, centre = np.zeros((1, 1, 1)), np.zeros((1, 1))

    def first(weight: Any, surprise: int) -> float:
        gain = np.zeros((*weight.shape, 1))
        gain[surprise] = 1.0
        v = np.repeat(values, len(weight) + 1, 0)
        found = advantages(gain, weight, v, centre, discount=1.0, trace=trace**weight)
        return float(found[0, 0, 0])

    assert first(weight, 2) == pytest.approx(first(halves, 4)) == pytest.approx(trace**4.0)


def test_a_wake_is_centred_by_its_own_length() -> None:
    """What earns the average a period is neither good nor bad, however long it is."""
    weight = np.array([[0.1], [7.0], [40.0]])
    gain, centre = 2.5 * weight[..., None], np.full((1, 1), 2.5)
    found = advantages(gain, weight, np.zeros((4, 1, 1)), centre, discount=0.99, trace=0.9**weight)
    assert np.asarray(found) == pytest.approx(0, abs=1e-5)


def test_a_choice_s_chance_is_that_of_its_parts_and_only_what_the_body_can_is_drawn() -> None:
    environment, actor = Rounds(64), actor_of(Config(actor_width=8), len(NAMES), Rounds.options)
    parameters = actor.parameters(jax.random.PRNGKey(0))
    preference = jnp.asarray(np.tile(ANCHORS[:1], (64, 1)), jnp.float32)
    _, ticks = rollout(
        environment,
        actor.draw_from(parameters),
        environment.initial(jax.random.PRNGKey(1)),
        preference,
        jax.random.PRNGKey(2),
        5,
        3,
        1,
    )
    drawn = actor.drawn(parameters, ticks)
    parts = [
        np.take_along_axis(np.asarray(log_p), np.asarray(chosen), -1)
        for log_p, chosen in ((drawn.log_p, ticks.action), (drawn.sleep_log_p, ticks.sleep))
    ]
    assert np.asarray(ticks.log_p) == pytest.approx(parts[0] + parts[1], abs=1e-5)
    assert set(np.unique(ticks.action)) == {REST, SERVE}
    assert np.asarray(ticks.sleep).max() <= BINS


def test_two_networks_choose_no_sleeps() -> None:
    with pytest.raises(ConfigError, match="coupled"):
        actor_of(Config(architecture="separate"), len(NAMES), Rounds.options)
