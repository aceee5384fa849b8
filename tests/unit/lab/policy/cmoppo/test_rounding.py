"""Rounding that training can pass through."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circadia_lab.policy.cmoppo.rounding import Dense, dense_layers, forward, rounded_forward, steps
from circadia_lab.policy.files.policy_file import _scales

pytestmark = pytest.mark.usefixtures("quick")
LOWEST = -12.0
run = jax.jit(rounded_forward)


def layers_and_input() -> tuple[tuple[Dense, ...], Any]:
    layers = dense_layers(jax.random.PRNGKey(0), (6, 8, 8, 4))
    x = jax.random.uniform(jax.random.PRNGKey(1), (50, 6), minval=-1, maxval=1)
    return layers, x


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-5, 0.1), st.floats(1e-5, 1.0), st.floats(1e-4, 0.05))
def test_steps_are_those_that_the_policy_file_picks(weights: float, outputs: float, scale: float) -> None:
    weight_scale, shift = _scales(weights, outputs, scale)
    found_weights, found_outputs = (float(x) for x in steps(weights, outputs, scale))
    wanted = scale * float(weight_scale) * 2.0**shift
    # Half-way between two powers either is as good, and float32 may take the other one.
    assert {round(np.log2(found_outputs / wanted), 3)} <= {0.0, 1.0, -1.0}
    if abs(np.log2(outputs / (scale * weights)) % 1 - 0.5) > 1e-3:
        assert found_weights == pytest.approx(float(weight_scale), rel=1e-4)
        assert found_outputs == pytest.approx(wanted, rel=1e-4)


@pytest.mark.slow
def test_unrounded_it_is_the_plain_network() -> None:
    layers, x = layers_and_input()
    found, seen = run(layers, x, jnp.zeros((3, 2)), False, LOWEST)
    assert np.asarray(found) == pytest.approx(np.asarray(forward(layers, x)), abs=1e-6)
    assert np.asarray(seen)[-1] == pytest.approx([np.min(found), np.max(found)], abs=1e-6)
    assert np.asarray(seen)[:-1, 0] == pytest.approx(0)


def test_rounded_scores_lie_on_the_grain_within_their_range() -> None:
    layers, x = layers_and_input()
    floats, ranges = run(layers, x, jnp.zeros((3, 2)), False, LOWEST)
    found = np.asarray(run(layers, x, ranges, True, LOWEST)[0], np.float64)
    values = np.unique(found)
    grain = np.diff(values).min()
    apart = (values - values[0]) / grain
    assert np.abs(apart - np.rint(apart)).max() < 0.05
    assert len(values) <= 256
    assert 0 < np.abs(found - np.asarray(floats)).max() < 0.2 * np.ptp(floats)


@pytest.mark.slow
def test_a_gradient_passes_rounding_but_not_saturation() -> None:
    layer = (Dense(jnp.array([[1.0]]), jnp.array([0.0])),)

    def score(x: Any) -> Any:
        return run(layer, x[None, None], jnp.array([[-1.0, 1.0]]), True, LOWEST)[0][0, 0]

    within, beyond = jnp.float32(0.303), jnp.float32(5.0)
    assert float(score(within)) != float(within)
    assert float(jax.grad(score)(within)) == pytest.approx(1, abs=0.02)
    assert float(score(beyond)) < 1.1
    assert float(jax.grad(score)(beyond)) == 0


def test_scores_below_the_lowest_saturate_there() -> None:
    layer = (Dense(jnp.array([[1.0]]), jnp.array([0.0])),)
    x = jnp.array([[-40.0], [-3.0], [4.0]])
    _, seen = run(layer, x, jnp.zeros((1, 2)), False, LOWEST)
    assert np.asarray(seen).tolist() == [[LOWEST, 4.0]]
    found = np.asarray(run(layer, x, seen, True, LOWEST)[0]).ravel()
    step = 16 / 255
    assert found == pytest.approx([LOWEST, -3, 4], abs=1.5 * step)


def test_the_last_layer_starts_small() -> None:
    layers = dense_layers(jax.random.PRNGKey(0), (64, 64, 64, 64), 0.01)
    spread = [float(jnp.std(layer.w)) for layer in layers]
    assert spread[:2] == pytest.approx([(2 / 64) ** 0.5] * 2, rel=0.1)
    assert spread[2] == pytest.approx(0.01 * (2 / 64) ** 0.5, rel=0.1)
