"""What every `Clock` promises."""

from __future__ import annotations

import math
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from circadia.testing.contract import Contract

if TYPE_CHECKING:
    from circadia.ports import Clock

WAIT_S = 0.05


class ClockContract(Contract):
    """Inherit it and say how a clock is made."""

    def make(self) -> Clock:
        """A clock that runs."""
        raise NotImplementedError

    def test_it_never_runs_backwards(self) -> None:
        clock = self.make()
        readings = [clock.now_s() for _ in range(2000)]
        assert all(math.isfinite(reading) for reading in readings)
        assert all(a <= b for a, b in pairwise(readings))

    def test_waiting_as_long_as_it_says_is_enough(self) -> None:
        clock = self.make()
        duration_s = WAIT_S / clock.wall_s(1.0)
        began_s = clock.now_s()
        time.sleep(clock.wall_s(duration_s))
        assert clock.now_s() - began_s >= duration_s * 0.99

    def test_waits_are_in_proportion(self) -> None:
        clock = self.make()
        assert clock.wall_s(0.0) == 0
        assert clock.wall_s(1.0) > 0
        assert clock.wall_s(3600.0) == pytest.approx(3600 * clock.wall_s(1.0))
