"""Bursts and bins of any arrivals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia.physics.scenario import PHONE
from circadia_lab.data.traces.arrivals import Arrivals, binned
from circadia_lab.data.traces.bursts import burst_lengths, burst_table
from circadia_lab.data.traces.recorded_days import on_daily_cycle

if TYPE_CHECKING:
    from collections.abc import Sequence

GAPS = st.lists(st.one_of(st.just(0.0), st.floats(0, 1000)), max_size=60)


def arrivals(gaps: Sequence[float]) -> Arrivals:
    return Arrivals(where="drawn", t_s=np.concatenate([[0.0], np.cumsum(gaps)]))


@given(gaps=GAPS, window_s=st.floats(0.1, 2000), inner=st.sets(st.integers(2, 60)))
def test_a_burst_table_keeps_the_mean(gaps: list[float], window_s: float, inner: set[int]) -> None:
    came = arrivals(gaps)
    table = burst_table(came, window_s, sorted({1, 61} | inner))
    assert min(table.shares) >= 0
    assert sum(table.shares) == pytest.approx(1)
    lengths = burst_lengths(came, window_s)
    assert lengths.sum() == len(gaps) + 1
    assert table.mean == pytest.approx(lengths.mean())


@given(gaps=GAPS, bin_s=st.floats(0.5, 5000))
def test_every_arrival_is_in_one_bin(gaps: list[float], bin_s: float) -> None:
    came = arrivals(gaps)
    counts = binned(came, bin_s)
    assert counts.sum() == len(gaps) + 1
    assert len(counts) == came.duration_s // bin_s + 1
    edges = np.arange(len(counts)) * bin_s
    # a time on an edge, but for rounding, may be in either bin
    before, at = (np.searchsorted(came.t_s, edges[1:] * (1 + way * 1e-12)) for way in (-1, 1))
    sums = np.cumsum(counts)[:-1]
    assert ((before <= sums) & (sums <= at)).all()


@given(gaps=GAPS.filter(lambda gaps: sum(gaps) > 1), days=st.integers(1, 4))
def test_a_daily_cycle_brings_a_days_requests(gaps: list[float], days: int) -> None:
    came = arrivals(gaps)
    t_s, _ = on_daily_cycle(came, PHONE, days)
    assert (np.diff(t_s) >= 0).all()
    assert 0 <= t_s[0] <= t_s[-1] < days * 86400
    # The rounds that are whole bring as many as they should; what is cut off is less than one.
    expected = days * sum(PHONE.requests_per_hour)
    assert abs(len(t_s) - expected) <= len(came.t_s) + 1
