from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from circadia.actions import CATALOGUE
from circadia.policy.sampling import probabilities, sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

N = len(CATALOGUE)
scores = arrays.arrays(np.float32, N, elements=st.floats(-1e4, 1e4, width=32))
masks = arrays.arrays(bool, N)
quantiles = st.floats(0, 1, exclude_max=True)


@given(scores, masks, quantiles)
def test_only_admitted_actions_are_drawn(s: Array, mask: Array, u: float) -> None:
    drawn = sample(s, mask, u)
    assert mask[drawn] if mask.any() else drawn == 0


@pytest.mark.slow
@given(st.lists(st.tuples(scores, masks, quantiles), min_size=1, max_size=5))
def test_batches_draw_what_single_vectors_draw(rows: list[tuple[Array, Array, float]]) -> None:
    s, mask, u = (np.array(column) for column in zip(*rows, strict=True))
    batched = sample(s.astype(np.float64), mask, u)
    for i in range(len(rows)):
        # The two sum in another order: they may differ only where u is at the edge between two actions.
        cumulative = probabilities(s[i].astype(np.float64), mask[i]).cumsum()
        if np.abs(cumulative - u[i]).min() > 1e-9:
            assert batched[i] == sample(s[i], mask[i], u[i])


@given(scores, masks)
def test_probabilities_are_a_softmax_over_the_admitted(s: Array, mask: Array) -> None:
    p = probabilities(s, mask)
    assert (p[~mask] == 0).all()
    np.testing.assert_allclose(p.sum(), mask.any(), rtol=1e-5)
    shifted = probabilities(s + np.float32(64), mask)
    np.testing.assert_allclose(p, shifted, atol=2e-2)


def test_draws_follow_the_probabilities() -> None:
    random = np.random.default_rng(0)
    s, mask = random.normal(0, 2, N).astype(np.float32), random.random(N) < 0.7
    draws = [sample(s, mask, u) for u in (np.arange(20_000) + 0.5) / 20_000]
    np.testing.assert_allclose(np.bincount(draws, minlength=N) / 20_000, probabilities(s, mask), atol=1e-4)


def test_by_hand() -> None:
    s, everything = np.log(np.array([1, 2, 1], np.float32)), np.ones(3, bool)
    assert [sample(s, everything, u) for u in (0, 0.2, 0.3, 0.7, 0.8, 0.999999)] == [0, 0, 1, 1, 2, 2]
    assert [sample(s, np.array([True, False, True]), u) for u in (0.4, 0.6)] == [0, 2]
    np.testing.assert_allclose(probabilities(s, everything), [0.25, 0.5, 0.25], rtol=1e-6)


def test_the_last_quantile_never_falls_off() -> None:
    s, mask = np.zeros((1, N), np.float32), np.ones((1, N), bool)
    almost = np.array([np.nextafter(np.float32(1), np.float32(0))])
    assert sample(s, mask, almost)[0] == N - 1
    assert sample(s[0], mask[0], float(almost[0])) == N - 1
    mask[0, -3:] = False
    assert sample(s, mask, almost)[0] == N - 4
    assert sample(s[0], mask[0], 1 - 2**-53) == N - 4


def test_nothing_admitted_is_the_first_action() -> None:
    s, mask = np.zeros((2, N), np.float32), np.zeros((2, N), bool)
    mask[1, 4] = True
    assert sample(s, mask, np.array([0.5, 0.5])).tolist() == [0, 4]
    assert sample(s[0], mask[0], 0.5) == 0
    assert probabilities(s, mask).sum(axis=-1).tolist() == [0, 1]
