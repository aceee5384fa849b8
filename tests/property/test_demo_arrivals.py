"""Arrival times of the demonstration, whatever the seed and the count."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from circadia_lab.data.day.arrivals import (
    FEEDBACK_S,
    SMALLEST_GAP_S,
    example_times,
    feedback_delays,
    request_times,
)
from circadia_lab.data.day.condition import CLASSES
from circadia_lab.data.day.plan import DAY_S
from circadia_lab.data.day.world import _deal

SEEDS = st.integers(0, 2**32)


@given(seed=SEEDS, count=st.integers(0, 600))
def test_requests_rise_within_the_day(seed: int, count: int) -> None:
    t_s = request_times(np.random.default_rng(seed), count)
    assert t_s.shape == (count,)
    assert (np.diff(t_s) > 0.9 * SMALLEST_GAP_S).all()
    assert ((t_s >= 0) & (t_s < DAY_S)).all()


@given(seed=SEEDS, count=st.integers(0, 400))
def test_examples_rise_within_the_day(seed: int, count: int) -> None:
    t_s = example_times(np.random.default_rng(seed), count)
    assert t_s.shape == (count,)
    assert (np.diff(t_s) >= 0).all()
    assert ((t_s >= 0) & (t_s <= DAY_S)).all()


@given(seed=SEEDS)
def test_feedback_comes_within_an_hour_or_never(seed: int) -> None:
    delays = feedback_delays(np.random.default_rng(seed), 400)
    given_s = delays[~np.isnan(delays)]
    assert 0.3 < len(given_s) / 400 < 0.7
    assert given_s.min() >= FEEDBACK_S[0]
    assert given_s.max() <= FEEDBACK_S[1]


def test_requests_come_in_bursts() -> None:
    """Over many days: a heavy tail (a Poisson process has CV 1 and a median gap of 0.69 of the mean)."""
    random = np.random.default_rng(0)
    gaps = [np.diff(request_times(random, 400)) for _ in range(50)]
    assert np.median([gap.std() / gap.mean() for gap in gaps]) > 3
    assert np.median([np.median(gap) / gap.mean() for gap in gaps]) < 0.2


@given(seed=SEEDS, devices=st.integers(1, 60))
def test_any_deal_gives_every_row_once(seed: int, devices: int) -> None:
    labels = (np.arange(600) % CLASSES).astype(np.int32)
    shards = _deal(labels, devices, np.random.default_rng(seed))
    assert len(shards) == devices
    assert sorted(np.concatenate(shards)) == list(range(600))
    assert min(len(shard) for shard in shards) >= min(40, 600 // (2 * devices))
