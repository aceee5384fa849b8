"""The benchmark of a tick: a day in which the policy finds nothing to do has figures, too."""

from __future__ import annotations

import math

from circadia_lab.bench.tick import whole_ticks


def test_whole_ticks_have_times_whatever_the_policy_calls_doing_nothing() -> None:
    figures = whole_ticks(48)
    assert all(isinstance(value, float) and 0 < value < math.inf for value in figures.values())
    assert set(figures) == {"tick_ms", "sleep_tick_ms"}
