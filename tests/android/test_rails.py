from __future__ import annotations

import pytest

from circadia.errors import MeterError
from circadia.platforms.clocks import HandClock
from circadia.testing.meter import MeterContract
from circadia.types import Source
from circadia_app.rails import UNAVAILABLE, RailsMeter, chosen

NAMES = ("CPU", "0", "S4M_VDD_CPUCL0", "1", "VSYS_PWR_MODEM", "1")
"""A consumer and two rails."""
START_S, AHEAD_S = 9 * 3600.0, 5000.0
PERIOD_S = 0.5


class Phone:
    """Its rails' counters; the phone started `AHEAD_S` after the agent's zero."""

    def __init__(self, names: tuple[str, ...] = NAMES) -> None:
        self.clock = HandClock(START_S)
        self.energies = [10**9] * (len(names) // 2)
        self.late_s = 0.0
        self.meter = RailsMeter(
            self.look, names, clock=self.clock, boot_s=lambda: self.clock.t_s - AHEAD_S, period_s=PERIOD_S
        )

    def look(self) -> list[int]:
        told: list[int] = []
        for energy in self.energies:
            told += [round((self.clock.t_s - AHEAD_S - self.late_s) * 1000), energy]
        return told

    def passes(self, seconds: float, *watts: float) -> None:
        self.clock.t_s += seconds
        self.energies = [
            one + round(power * seconds * 1e6) for one, power in zip(self.energies, watts, strict=True)
        ]
        self.meter.sample()


def measured(length_s: float = 14.0) -> Phone:
    phone = Phone()
    phone.meter.sample()
    for n in range(int(length_s / PERIOD_S)):
        phone.passes(PERIOD_S, 9.0, 0.5, 0.2 if n % 4 else 1.5)
    return phone


class TestRails(MeterContract):
    start_s = START_S

    def make(self) -> RailsMeter:
        return measured(self.length_s).meter


def test_rails_count_and_consumers_do_not() -> None:
    phone = Phone()
    phone.meter.sample()
    phone.passes(1.0, 9.0, 0.5, 0.25)
    phone.passes(1.0, 9.0, 0.5, 0.25)
    reading = phone.meter.read(START_S, START_S + 2)
    assert reading is not None
    assert reading.energy_j == pytest.approx(1.5)
    assert reading.source is Source.MEASURED
    assert phone.meter.about()["meter"] == "power monitors: S4M_VDD_CPUCL0, VSYS_PWR_MODEM"


def test_consumers_alone_are_modelled() -> None:
    phone = Phone(("CPU", "0", "DISPLAY", "0"))
    phone.meter.sample()
    phone.passes(1.0, 0.5, 0.25)
    reading = phone.meter.read(START_S, START_S + 1)
    assert reading is not None
    assert reading.energy_j == pytest.approx(0.75)
    assert reading.source is Source.MODELLED


def test_readings_that_come_late_belong_to_their_own_time() -> None:
    phone = Phone()
    phone.late_s = 0.4
    phone.meter.sample()
    for watts in (1.0, 1.0, 3.0, 3.0):
        phone.passes(PERIOD_S, 0.0, watts, 0.0)
    reading = phone.meter.read(START_S - 0.4, START_S - 0.4 + 1.0)
    assert reading is not None
    assert reading.energy_j == pytest.approx(1.0)
    assert phone.meter.read(START_S, START_S + 2.0) is None, "nothing is known of the last 0.4 s yet"


def test_a_counter_that_starts_anew_is_a_gap_whose_energy_is_lost() -> None:
    phone = measured(4.0)
    phone.energies = [0, 0, 0]
    phone.clock.t_s += PERIOD_S
    phone.meter.sample()
    phone.passes(PERIOD_S, 0.0, 1.0, 0.0)
    reading = phone.meter.read(START_S + 4.0, START_S + 5.0)
    assert reading is not None
    assert reading.lost_s == pytest.approx(PERIOD_S)
    assert reading.energy_j == pytest.approx(0.5)


def test_a_long_sleep_is_a_gap_whose_energy_is_known() -> None:
    phone = Phone()
    phone.meter.sample()
    phone.passes(PERIOD_S, 0.0, 1.0, 0.0)
    phone.passes(600.0, 0.0, 0.02, 0.0)
    reading = phone.meter.read(START_S, START_S + PERIOD_S + 600)
    assert reading is not None
    assert reading.energy_j == pytest.approx(0.5 + 12)
    assert reading.gap_s == pytest.approx(600)
    assert reading.lost_s == 0
    part = phone.meter.read(START_S, START_S + 300)
    assert part is not None
    assert part.bound_j >= 5, "when it flowed within the gap is not known"


def test_a_monitor_without_energy_leaves_the_reading_out() -> None:
    phone = measured(2.0)
    phone.energies[1] = UNAVAILABLE
    phone.clock.t_s += PERIOD_S
    with pytest.raises(MeterError, match="no energy now"):
        phone.meter.sample()


def test_a_phone_without_monitors_is_told_so() -> None:
    with pytest.raises(MeterError, match="has none"):
        Phone(())
    assert chosen(()) == ((), ())


def test_numbers_that_fit_no_monitor_are_refused() -> None:
    meter = RailsMeter(lambda: [1, 2], NAMES, clock=HandClock(0.0), boot_s=lambda: 0.0)
    with pytest.raises(MeterError, match="2 numbers for 3 monitors"):
        meter.sample()
