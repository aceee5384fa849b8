"""A problem that can be solved by hand, solved by training."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from circadia.actions import INDEX
from circadia_lab.policy.cmoppo.config import Config
from circadia_lab.policy.cmoppo.train import train
from circadia_lab.policy.env.preferences import ANCHORS

SLEEP, SERVE, TRAIN = INDEX["sleep"], INDEX["serve/low/small"], INDEX["train/low/small"]


@pytest.mark.slow
def test_it_finds_the_optimum_with_the_cost_at_its_limit(two_states: Any) -> None:
    """Exact, from the chances that the trained network gives: x = p / (p + ½). Only drawing attains it.

    One state decides everything, so that policy and price chase one another: the price follows the cost at once
    (`proportional`), and the actor's running average is what is judged. Preferences count that care for accuracy.
    """
    config = Config(
        steps=250 * 16 * 1008,
        ticks=16,
        tried=1,
        explored=0,
        actor_width=16,
        critic_width=16,
        actor_rate=7e-4,
        entropy=0.003,
        entropy_last=0.001,
        least_energy=0.05,
        minibatches=4,
        multiplier_rate=0.01,
        proportional=10.0,
        target=0.85,
        averaging=0.2,
        judgements=1,
        judged_ticks=100,
        judged_warm_up=50,
        extension_share=0.0,
    )
    found = train(two_states(1008), config, 0)
    environment = two_states(len(ANCHORS))
    seen = environment.see(jnp.zeros(len(ANCHORS), jnp.int32), jnp.asarray(ANCHORS, jnp.float32))
    p = np.exp(np.asarray(found.draw_from(rounded=True)(seen)))
    x = p[:, TRAIN] / (p[:, TRAIN] + 0.5)
    rest = (1 - x) * (p[:, SLEEP] * ANCHORS[:, 2] + p[:, SERVE] * ANCHORS[:, 1])
    value = 3 * ANCHORS[:, 0] * x + rest
    best, wanted = np.array([environment.optimum(w) for w in ANCHORS]).T
    cares = 3 * ANCHORS[:, 0] - 1.5 * ANCHORS[:, 1:].max(1) > 1.4
    assert cares.sum() == 4
    assert (x / environment.limits[0])[cares] == pytest.approx(1, abs=0.15)
    assert np.median(np.abs(x / environment.limits[0] - 1)[cares]) < 0.08
    assert np.mean((value / best)[cares]) == pytest.approx(1, abs=0.08)
    assert (value / best)[wanted == 0].min() > 0.95
    assert np.mean(value / best) > 0.92
    assert ((p[:, TRAIN] > 0.1) & (p[:, TRAIN] < 0.5))[cares].all()
    assert not found.multipliers[..., 1:].any()
