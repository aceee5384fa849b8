from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia.errors import ConfigError
from circadia.policy.sleeps import EDGES_S, SLEEPS, Drawn, SleepOptions, draw, draw_one
from circadia.types import WakeOn

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEW = SleepOptions(wake_on=(WakeOn.DUE, WakeOn.REQUEST), edges_s=(4.0, 60.0, 3600.0))
scores_of = st.lists(st.floats(-20, 20, width=32), min_size=FEW.count, max_size=FEW.count).map(
    lambda row: np.array(row, np.float32)
)
masks = st.lists(st.booleans(), min_size=FEW.count, max_size=FEW.count).map(np.array).filter(np.any)
u_of = st.floats(0, 1, exclude_max=True)


def test_the_default_options_go_from_seconds_to_hours() -> None:
    assert (len(EDGES_S), EDGES_S[0], EDGES_S[-1], SLEEPS.count) == (25, 4.0, 21_600.0, 75)
    ratios = [high / low for low, high in pairwise(EDGES_S)]
    assert max(ratios) / min(ratios) == pytest.approx(1, abs=1e-4)


def test_names_tell_the_kind_and_the_length() -> None:
    assert FEW.names == (
        "due/4-60s", "due/60-3.6e+03s", "due/until-due", "request/4-60s", "request/60-3.6e+03s", "request/until-due",
    )  # fmt: skip


@given(scores=scores_of, mask=masks, u=u_of)
def test_a_draw_is_admitted_and_the_same_on_plain_numbers(
    scores: NDArray[np.float32], mask: NDArray[np.bool_], u: float
) -> None:
    drawn = draw(scores.astype(float), mask, u)
    one = draw_one(scores, np.flatnonzero(mask).tolist(), u)
    assert one is not None
    assert mask[drawn.option]
    assert mask[one[0]]
    assert 0 <= drawn.rest < 1
    assert 0 <= one[1] < 1
    if drawn.option == one[0]:  # or u lies at a border, where rounding decides
        assert one[1] == pytest.approx(float(drawn.rest), abs=1e-3)


@given(scores=scores_of, mask=masks)
def test_frequencies_are_the_masked_softmax(scores: NDArray[np.float32], mask: NDArray[np.bool_]) -> None:
    u = (np.arange(20_000) + 0.5) / 20_000
    drawn = draw(np.broadcast_to(scores.astype(float), (u.size, FEW.count)), mask, u)
    weights = np.where(mask, np.exp(scores.astype(float) - scores[mask].max()), 0)
    shares = np.bincount(drawn.option, minlength=FEW.count) / u.size
    np.testing.assert_allclose(shares, weights / weights.sum(), atol=1e-4)
    for option in np.flatnonzero(shares > 0.05):  # what is left of the draw is uniform
        rest = np.sort(drawn.rest[drawn.option == option])
        np.testing.assert_allclose(rest, (np.arange(rest.size) + 0.5) / rest.size, atol=2e-3)


@given(scores=scores_of, mask=masks, u=st.tuples(u_of, u_of))
def test_a_larger_draw_is_a_later_option_or_a_longer_sleep(
    scores: NDArray[np.float32], mask: NDArray[np.bool_], u: tuple[float, float]
) -> None:
    low, high = (draw(scores.astype(float), mask, one) for one in sorted(u))
    assert low.option <= high.option
    if low.option == high.option:
        assert low.rest <= high.rest


@given(option=st.integers(0, FEW.count - 1), rest=st.floats(0, 1, exclude_max=True), due=st.floats(0, 1e6))
def test_lengths_lie_in_their_bins(option: int, rest: float, due: float) -> None:
    sleep = FEW.sleep(option, rest, (due, due + 1))
    kind, place = divmod(option, FEW.group)
    assert sleep.wake_on is FEW.wake_on[kind]
    batch = FEW.length_s(Drawn(np.array([option]), np.array([rest])), np.array([[due, due + 1]]))
    assert batch[0] == pytest.approx(sleep.length_s)
    if place == FEW.bins:
        assert sleep.length_s == min(max(due + kind, 4.0), 3600.0)
    else:
        assert FEW.edges_s[place] <= sleep.length_s <= FEW.edges_s[place + 1]


def test_jax_draws_the_same() -> None:
    jnp = pytest.importorskip("jax.numpy")
    random = np.random.default_rng(0)
    scores, u = random.normal(0, 3, (200, FEW.count)).astype(np.float32), random.random(200)
    mask = FEW.mask({WakeOn.REQUEST})
    ours, theirs = draw(scores, mask, u), draw(jnp.asarray(scores), jnp.asarray(mask), jnp.asarray(u), jnp)
    same = np.asarray(theirs.option) == ours.option
    assert same.mean() > 0.98  # a border here and there
    np.testing.assert_allclose(np.asarray(theirs.rest)[same], ours.rest[same], atol=1e-3)
    due = np.full((200, 2), 77.0)
    lengths = FEW.length_s(Drawn(jnp.asarray(ours.option), jnp.asarray(ours.rest)), jnp.asarray(due), jnp)
    np.testing.assert_allclose(np.asarray(lengths), FEW.length_s(ours, due), rtol=1e-5)


def test_a_body_that_hears_nobody_is_never_told_to_wake_for_requests() -> None:
    mask = SLEEPS.mask({WakeOn.DUE})
    assert mask.sum() == SLEEPS.group
    drawn = draw(np.zeros((1000, SLEEPS.count)), mask, np.linspace(0, 1, 1000, endpoint=False))
    assert set(SLEEPS.kind(drawn.option)) == {0}
    assert draw_one(np.zeros(SLEEPS.count, np.float32), [], 0.5) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"edges_s": (4.0,)},
        {"edges_s": (4.0, 4.0)},
        {"edges_s": (0.0, 4.0)},
        {"edges_s": (4.0, float("inf"))},
        {"wake_on": ()},
        {"wake_on": (WakeOn.DUE, WakeOn.DUE)},
    ],
)
def test_options_that_are_none_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="sleeps"):
        SleepOptions(**wrong)
