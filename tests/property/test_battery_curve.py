"""Energy, state of charge and voltage of a cell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia.energy.battery import battery_of, capacity_j, energy_j, open_circuit_v, soc_of, terminal_v
from circadia.energy.profile import Cell, Curve, Quantity
from circadia.energy.profile_file import shipped_profile, shipped_profiles

CELLS = {name: battery_of(shipped_profile(name).battery) for name in shipped_profiles()}
socs = st.floats(0, 1)


def flat(volts: float) -> Cell:
    def number(value: float) -> Quantity:
        return Quantity(value=value, uncertainty=0, source="test")

    return Cell(
        open_circuit_v=Curve(soc=(0, 1), value=(volts, volts), uncertainty=0, source="test"),
        internal_resistance_ohm=number(0.1),
        charge_efficiency=number(0.9),
        capacity_c=number(1000),
    )


@given(soc=socs, name=st.sampled_from(sorted(CELLS)))
def test_state_of_charge_is_the_inverse_of_energy(soc: float, name: str) -> None:
    assert soc_of(energy_j(soc, CELLS[name]), CELLS[name]) == pytest.approx(soc, abs=1e-12)


@given(a=socs, b=socs, name=st.sampled_from(sorted(CELLS)))
def test_energy_and_voltage_rise_with_the_charge(a: float, b: float, name: str) -> None:
    low, high = sorted((a, b))
    assert energy_j(low, CELLS[name]) <= energy_j(high, CELLS[name])
    assert open_circuit_v(low, CELLS[name]) <= open_circuit_v(high, CELLS[name]) + 1e-12


@pytest.mark.parametrize("name", CELLS)
def test_ends_and_the_slope_of_the_energy(name: str) -> None:
    cell = CELLS[name]
    assert energy_j(0.0, cell) == 0
    assert energy_j(1.0, cell) == capacity_j(cell) == pytest.approx(shipped_profile(name).capacity_j)
    soc, step = np.linspace(0.013, 0.987, 38), 1e-6
    slope = (energy_j(soc + step, cell) - energy_j(soc - step, cell)) / (2 * step)
    assert slope == pytest.approx(cell.charge_c * open_circuit_v(soc, cell), rel=1e-4)


def test_a_flat_cell_by_hand() -> None:
    cell = battery_of(flat(4.0))
    assert energy_j(0.25, cell) == pytest.approx(1000)
    assert soc_of(1000.0, cell) == pytest.approx(0.25)
    assert terminal_v(0.5, 0.0, cell) == pytest.approx(4)
    # 3.9 V · 1 A leave the terminals and 0.1 V drop inside
    assert terminal_v(0.5, 3.9, cell) == pytest.approx(3.9)
    assert terminal_v(0.5, -4.1, cell) == pytest.approx(4.1)
    assert terminal_v(0.5, 1e9, cell) == pytest.approx(2)


def test_what_lies_outside_is_clipped_and_batches_equal_scalars() -> None:
    cell = CELLS["pixel-3"]
    assert soc_of(-5.0, cell) == 0
    assert soc_of(1e9, cell) == 1
    soc = np.linspace(0, 1, 7).reshape(7, 1)
    assert energy_j(soc, cell).shape == (7, 1)
    assert energy_j(soc, cell)[3, 0] == energy_j(soc[3, 0], cell)
