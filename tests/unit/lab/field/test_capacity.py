"""What a battery holds, out of ticks' joules and a gauge's steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from circadia.energy.battery import J_PER_WH, battery_of, soc_of
from circadia.energy.battery import energy_j as stored_j
from circadia.energy.profile import Quantity, mean_voltage_v
from circadia.energy.profile_file import shipped_profile
from circadia_lab.measure.calibration.capacity import Capacity, capacity_quantity, from_ticks, together
from circadia_lab.measure.calibration.slope import slope_of
from circadia_lab.measure.calibration.states import States

TRUTH_C = 9000.0
CELL = shipped_profile("pixel-3").battery
TRUE_CELL = replace(CELL, capacity_c=Quantity(value=TRUTH_C, uncertainty=0, source="truth"))


def lived(count: int, seed: int, *, watts: float = 1.0, step: float = 0.0, first: float = 0.9) -> States:
    """A minute a tick; `step` is the gauge's."""
    rng = np.random.default_rng(seed)
    energy = 60 * watts * rng.uniform(0.5, 1.5, count)
    battery = battery_of(TRUE_CELL)
    left = stored_j(np.float64(first), battery) - np.concatenate([[0], np.cumsum(energy)])
    soc = soc_of(left, battery)
    soc = np.round(soc / step) * step if step else soc
    t_s = 60.0 * np.arange(count + 1)
    nothing = np.zeros((count, 2))
    return States(
        t_s=t_s[:-1],
        end_s=t_s[1:],
        energy_j=energy,
        soc=np.stack([soc[:-1], soc[1:]], axis=1),
        charging=nothing,
        user_active=nothing.copy(),
    )


@pytest.mark.parametrize("step", [0.0, 0.01])
def test_it_is_found_within_its_deviation(step: float) -> None:
    found = [from_ticks([lived(150, seed, step=step)], CELL) for seed in range(8)]
    for one in found:
        assert isinstance(one, Capacity)
        assert one.charge_c == pytest.approx(TRUTH_C, abs=3 * one.sd_c)
        assert one.sd_c < 0.03 * TRUTH_C
        assert 0.2 < one.soc_moved < 0.35


def test_several_stores_say_more_than_one() -> None:
    one, two = (from_ticks([lived(150, seed, step=0.01) for seed in range(n)], CELL) for n in (1, 6))
    assert isinstance(one, Capacity)
    assert isinstance(two, Capacity)
    assert two.soc_moved > 5 * one.soc_moved
    assert two.sd_c <= one.sd_c


def test_what_was_charged_or_used_by_somebody_does_not_count() -> None:
    states = lived(200, 0)
    charging, used = states.charging.copy(), states.user_active.copy()
    charging[60:70] = 1
    used[120:130, 1] = 1
    soc = states.soc.copy()
    soc[60:70] += 0.1  # what a charger brings
    soc[120:130] -= 0.1  # what a screen takes
    found = from_ticks([replace(states, charging=charging, user_active=used, soc=soc)], CELL)
    assert isinstance(found, Capacity)
    assert found.charge_c == pytest.approx(TRUTH_C, abs=3 * found.sd_c)
    still_there = from_ticks([replace(states, soc=soc)], CELL)
    assert not isinstance(still_there, Capacity) or abs(still_there.charge_c - TRUTH_C) > abs(
        found.charge_c - TRUTH_C
    )


def test_what_cannot_be_told_is_said() -> None:
    states = lived(100, 0)
    nothing = np.full((100, 2), np.nan)
    assert "does not know its state of charge" in str(from_ticks([replace(states, soc=nothing)], CELL))
    assert "fell by 0.002" in str(from_ticks([lived(100, 0, watts=0.01)], CELL))
    assert "fell by 0.000" in str(from_ticks([replace(states, charging=np.ones((100, 2)))], CELL))
    wild = np.random.default_rng(0).uniform(0, 1, (100, 2))
    assert "open" in str(from_ticks([replace(states, soc=wild)], CELL))


@pytest.mark.parametrize(("scatter", "walk"), [(1.0, 0.0), (0.0, 1.0), (1.0, 0.3)])
def test_two_deviations_hold_the_slope_whether_it_scatters_or_walks(scatter: float, walk: float) -> None:
    points = np.arange(200.0)
    held = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        noise = scatter * rng.normal(0, 1, 200) + walk * np.cumsum(rng.normal(0, 1, 200))
        found = slope_of(points, 3 * points + noise, np.zeros(200, int))
        held.append(abs(found.value - 3) <= 2 * found.sd)
    assert np.mean(held) >= 0.88


def test_stretches_have_heights_of_their_own() -> None:
    x, stretch = np.tile(np.arange(20.0), 3), np.repeat([0, 1, 2], 20)
    y = 2 * x + np.repeat([5.0, -7.0, 100.0], 20) + np.random.default_rng(0).normal(0, 0.01, 60)
    found = slope_of(x, y, stretch)
    assert found.value == pytest.approx(2, abs=3 * found.sd)
    assert found.sd < 0.01
    assert slope_of(x[:2], y[:2], stretch[:2]).sd == np.inf


def test_the_profiles_unit_is_kept() -> None:
    found = Capacity(charge_c=TRUTH_C, sd_c=90.0, soc_moved=0.5)
    key, quantity = capacity_quantity(found, CELL, "measured: x")
    assert (key, quantity.value, quantity.uncertainty) == ("battery.capacity_c", TRUTH_C, 90.0)
    solar = shipped_profile("pi-solar").battery
    key, quantity = capacity_quantity(found, solar, "measured: x")
    assert key == "battery.capacity_wh"
    assert quantity.value == pytest.approx(TRUTH_C * mean_voltage_v(solar.open_circuit_v) / J_PER_WH)
    assert quantity.uncertainty / quantity.value == pytest.approx(0.01)


def test_discharges_that_differ_widen_the_deviation() -> None:
    near, far = (Capacity(charge_c=x, sd_c=10.0, soc_moved=1.0) for x in (100.0, 104.0))
    alike = together([near, far])
    assert (alike.charge_c, alike.soc_moved) == (102.0, 2.0)
    assert alike.sd_c == pytest.approx(10 / 2**0.5)
    apart = together([near, replace(far, charge_c=200.0)])
    assert apart.sd_c == pytest.approx(50.0)
