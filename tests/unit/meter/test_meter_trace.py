"""Bins of watts: means, extremes, holes, and what happens when there are too many."""

from __future__ import annotations

import numpy as np
import pytest

from circadia_lab.meter.page import holes
from circadia_lab.meter.trace import Trace


def test_bins_hold_mean_least_and_most() -> None:
    trace = Trace(0.5)
    trace.add(np.array([0.0, 0.1, 0.6]), np.array([1.0, 3.0, 5.0]))
    trace.add(np.array([0.7, 1.2]), np.array([7.0, 2.0]))  # the second bin goes on
    curve = trace.curve()
    assert curve.start_s.tolist() == [0.0, 0.5, 1.0]
    assert curve.mean_w.tolist() == [2.0, 6.0, 2.0]
    assert curve.least_w.tolist() == [1.0, 5.0, 2.0]
    assert curve.most_w.tolist() == [3.0, 7.0, 2.0]
    assert trace.curve(0.5).start_s.tolist() == [0.5, 1.0]


def test_too_many_bins_become_wider_and_keep_the_mean() -> None:
    trace = Trace(1.0, most=8)
    watts = np.arange(20.0)
    for t_s, power_w in enumerate(watts):
        trace.add(np.array([float(t_s)]), np.array([power_w]))
    curve = trace.curve()
    assert curve.width_s == 4.0
    assert len(curve.start_s) == 5
    assert curve.mean_w.tolist() == watts.reshape(5, 4).mean(axis=1).tolist()
    assert curve.most_w.tolist() == [3.0, 7.0, 11.0, 15.0, 19.0]


def test_a_step_back_joins_the_newest_bin() -> None:
    trace = Trace(1.0)
    trace.add(np.array([5.5]), np.array([1.0]))
    trace.add(np.array([4.9]), np.array([3.0]))
    assert trace.curve().start_s.tolist() == [5.0]
    assert trace.curve().mean_w.tolist() == [2.0]


def test_nothing_is_an_empty_curve() -> None:
    trace = Trace(1.0)
    trace.add(np.empty(0), np.empty(0))
    assert len(trace.curve().start_s) == 0


def test_holes_are_between_bins_that_are_missing() -> None:
    trace = Trace(0.5)
    trace.add(np.array([0.0, 0.5, 3.0, 3.5]), np.ones(4))
    (hole,) = holes(trace.curve())
    assert hole == pytest.approx((1.0, 3.0))
