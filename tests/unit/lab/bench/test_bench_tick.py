"""The benchmark of a tick: a day in which the policy finds nothing to do has figures, too."""

from __future__ import annotations

import math

import pytest

from circadia_lab.bench.tick import measure, whole_ticks


def test_whole_ticks_have_times_whatever_the_policy_calls_doing_nothing() -> None:
    figures = whole_ticks(48)
    assert all(isinstance(value, float) and 0 < value < math.inf for value in figures.values())
    assert set(figures) == {"tick_ms", "sleep_tick_ms"}


@pytest.mark.slow
def test_a_decision_takes_longer_than_the_network_in_it() -> None:
    figures = measure()
    over, invoke, scores, decision = (
        float(str(figures[name]))
        for name in ("decision_over_invoke", "invoke_us", "scores_us", "decision_us")
    )
    assert decision > scores > invoke > 0
    assert over > 1
