from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from circadia_lab.bench.env import GYM_STEPS, GymnasiumLoop, Lived, VectorLoop, WakeLoop, any_admitted, timed
from circadia_lab.policy.env.fixed import CATALOGUE


@pytest.mark.parametrize("xp", [np, jnp], ids=["numpy", "jax"])
def test_any_admitted_action_is_as_likely_as_another(xp: Any) -> None:
    random = np.random.default_rng(0)
    mask = random.random(len(CATALOGUE)) < 0.4
    mask[0] = True
    u = (np.arange(6000) + 0.5) / 6000
    action = np.asarray(any_admitted(xp.asarray(np.tile(mask, (6000, 1))), xp.asarray(u, xp.float32), xp))
    counts = np.bincount(action, minlength=len(CATALOGUE))
    assert (counts[~mask] == 0).all()
    assert counts[mask] == pytest.approx(6000 / mask.sum(), abs=2)


@pytest.mark.slow
def test_the_loops_take_only_admitted_actions_and_are_timed() -> None:
    single, batch = GymnasiumLoop(), VectorLoop()
    turn = timed(single)
    assert turn.per_s > 0
    assert turn.cpu_ns > 0
    assert single.live() == Lived(GYM_STEPS)
    assert WakeLoop().live().steps == GYM_STEPS
    action = any_admitted(batch._mask, batch._random.random(len(batch._mask)), np)
    *_, info = batch._env.step(action)
    assert not info["forbidden"].any()
