"""Clocks: epoch, scale and what both refuse."""

from __future__ import annotations

import math
import time

import pytest

from circadia.errors import ConfigError
from circadia.platforms.clocks import SimulatedClock, SystemClock


def test_the_simulated_clock_counts_from_its_epoch() -> None:
    before = time.monotonic()
    clock = SimulatedClock(before - 10, 720)
    now_s = clock.now_s()
    assert 7200 <= now_s <= (time.monotonic() - before + 10) * 720
    assert clock.wall_s(720) == 1


def test_two_clocks_with_one_epoch_agree() -> None:
    epoch_s = time.monotonic() + 5
    first, second = SimulatedClock(epoch_s, 2).now_s(), SimulatedClock(epoch_s, 2).now_s()
    assert first <= second < 0


def test_the_system_clock_starts_at_the_epoch_and_never_runs_back() -> None:
    wall_s = time.time()
    clock = SystemClock()
    readings = [clock.now_s() for _ in range(100)]
    assert readings == sorted(readings)
    assert readings[0] == pytest.approx(wall_s, abs=60)
    assert clock.wall_s(3.5) == 3.5


@pytest.mark.parametrize(("epoch_s", "scale"), [(0, 0), (0, -1), (0, math.nan), (0, math.inf), (math.nan, 1)])
def test_impossible_clocks_are_refused(epoch_s: float, scale: float) -> None:
    with pytest.raises(ConfigError, match="simulated clock"):
        SimulatedClock(epoch_s, scale)
