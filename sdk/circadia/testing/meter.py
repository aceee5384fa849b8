"""What every `EnergyMeter` promises."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from circadia.testing.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from circadia.ports import EnergyMeter

START_S = 9 * 3600.0
LENGTH_S = 14.0


class MeterContract(Contract):
    """Inherit it and say how a meter is made that has measured something."""

    start_s = START_S
    length_s = LENGTH_S
    early_s = 0.5
    """It began at most so long before `start_s`."""
    knows = True
    """False for one that never knows anything."""

    def make(self) -> EnergyMeter:
        """One that has measured from `start_s` for `length_s`, on the agent's clock."""
        raise NotImplementedError

    @pytest.fixture
    def meter(self) -> Iterator[EnergyMeter]:
        """Closed after the test."""
        made = self.make()
        yield made
        made.close()

    def at(self, share: float) -> float:
        """A moment of what was measured: 0 is its start, 1 its end."""
        return self.start_s + share * self.length_s

    def test_the_future_is_not_known(self, meter: EnergyMeter) -> None:
        assert meter.read(self.at(0.3), self.at(1) + 3600.0) is None

    def test_parts_add_up_to_the_whole(self, meter: EnergyMeter) -> None:
        cuts = [self.at(share) for share in (0.07, 0.16, 0.17, 0.5, 0.503, 0.86)]
        parts = [meter.read(a, b) for a, b in pairwise(cuts)]
        whole = meter.read(cuts[0], cuts[-1])
        assert (whole is not None) is self.knows
        if whole is None:
            return
        assert sum(part.energy_j for part in parts if part) == pytest.approx(whole.energy_j, rel=1e-9)
        assert sum(part.duration_s for part in parts if part) == pytest.approx(cuts[-1] - cuts[0])

    def test_readings_are_plausible_and_repeatable(self, meter: EnergyMeter) -> None:
        reading = meter.read(self.at(0.15), self.at(0.7))
        assert (reading is not None) is self.knows
        assert meter.read(self.at(0.15), self.at(0.7)) == reading
        if reading is None:
            return
        assert reading.energy_j > 0
        assert reading.bound_j >= 0
        assert reading.duration_s == pytest.approx(self.at(0.7) - self.at(0.15))
        assert 0 <= reading.gap_s <= 1e-6

    def test_nothing_flows_in_no_time(self, meter: EnergyMeter) -> None:
        reading = meter.read(self.at(0.3), self.at(0.3))
        assert (reading is not None) is self.knows
        assert reading is None or reading.energy_j == 0

    def test_what_was_before_the_start_is_a_gap(self, meter: EnergyMeter) -> None:
        reading = meter.read(self.start_s - 3, self.at(0.3))
        assert (reading is not None) is self.knows
        assert reading is None or 3 - self.early_s <= reading.gap_s <= 3.5

    def test_it_may_be_closed_twice(self, meter: EnergyMeter) -> None:
        meter.close()
        meter.close()

    def test_it_says_what_it_is(self, meter: EnergyMeter) -> None:
        about = meter.about()
        assert about["meter"]
        assert json.loads(json.dumps(about)) == about
        assert meter.about() == about
