"""Dual ascent."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circadia_lab.policy.cmoppo.multipliers import Multipliers, ascended, initial_multipliers

RATE, SMOOTHING, LARGEST, TARGET = 0.5, 0.75, 3.0, 0.9


def step(now: Multipliers, costs: object) -> Multipliers:
    return ascended(now, jnp.asarray(costs), target=TARGET, rate=RATE, smoothing=SMOOTHING, largest=LARGEST)


def test_a_step_by_hand() -> None:
    """v = ¾ · 0.4 + ¼ · (1.7 − 0.9) = 0.5; I = 1 + ½ · 0.5; λ = I + 2 v."""
    now = Multipliers(jnp.array([[1.0]]), jnp.array([[0.4]]))
    found = step(now, [[1.7]])
    assert float(found.violation[0, 0]) == pytest.approx(0.5)
    assert float(found.integral[0, 0]) == pytest.approx(1.25)
    assert float(found.prices(2.0, LARGEST)[0, 0]) == pytest.approx(2.25)


def test_only_what_is_violated_gets_a_price() -> None:
    now = initial_multipliers(1, 2, 3)
    assert not now.prices(0.5, LARGEST).any()
    for _ in range(5):
        now = step(now, [[[2.0, 0.9, 0.1], [0.0, 0.0, 1.0]]])
    prices = np.asarray(now.prices(0.5, LARGEST))
    assert (prices > 0).tolist() == [[[True, False, False], [False, False, True]]]


def test_each_kind_of_device_has_prices_of_its_own() -> None:
    now = initial_multipliers(2, 1, 1)
    for _ in range(5):
        now = step(now, [[[1.5]], [[0.1]]])
    prices = np.asarray(now.prices(0.5, LARGEST)).ravel()
    assert prices[0] > 0
    assert prices[1] == 0


def test_it_rises_while_violated_and_falls_once_the_target_is_kept() -> None:
    now, path = initial_multipliers(1, 1, 1), []
    for cost in [1.5] * 10 + [0.2] * 30:
        now = step(now, [[[cost]]])
        path.append(float(now.integral[0, 0, 0]))
    assert path[:10] == sorted(path[:10])
    assert path[9] > path[0] > 0
    assert path[-1] == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=20), st.floats(0, 100, width=32))
def test_it_is_never_negative_and_never_above_the_cap(costs: list[float], proportional: float) -> None:
    now = initial_multipliers(1, 1, 1)
    for cost in costs:
        now = step(now, [[[cost]]])
        for value in (now.integral, now.prices(proportional, LARGEST)):
            assert 0 <= float(value[0, 0, 0]) <= LARGEST


def test_a_rare_cost_raises_it_as_much_as_its_mean_says() -> None:
    """Clipping each device's violation before the mean, −0.9 nine times out of ten and 1 once, would lower it."""
    each = np.array([0.0] * 9 + [20.0])
    found = step(initial_multipliers(1, 1, 1), [[[each.mean()]]])
    assert float(found.violation[0, 0, 0]) > 0
    assert np.clip(each - TARGET, -1, 1).mean() < 0
