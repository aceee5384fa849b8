"""What a battery holds: what was drawn from it, divided by how far its state of charge fell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.energy.battery import J_PER_WH, battery_of, energy_j
from circadia.energy.profile import Quantity, mean_voltage_v
from circadia_lab.measure.calibration.slope import slope_of, steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from circadia.energy.profile import Cell
    from circadia_lab.measure.calibration.states import States

LEAST_SOC = 0.05
"""A state of charge that moved less tells no capacity: gauges go in steps of 0.01."""
WIDEST = 0.25
"""Nor does one that leaves it open by more than this share (one standard deviation)."""
SAME_S = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Charge from full to empty."""

    charge_c: float
    sd_c: float
    soc_moved: float
    """By how much the state of charge fell, together."""


def capacity_quantity(found: Capacity, cell: Cell, source: str) -> tuple[str, Quantity]:
    """The profile's key, and its quantity: in the unit that the profile has, Wh = C · ∫U dq / 3600."""
    if cell.capacity_c is not None:
        return "battery.capacity_c", Quantity(value=found.charge_c, uncertainty=found.sd_c, source=source)
    to_wh = mean_voltage_v(cell.open_circuit_v) / J_PER_WH
    return "battery.capacity_wh", Quantity(
        value=found.charge_c * to_wh, uncertainty=found.sd_c * to_wh, source=source
    )


def from_ticks(states: Sequence[States], cell: Cell) -> Capacity | str:
    """Out of joules that ticks drew while nothing charged and nobody used the device, or why they do not tell.

    In a profile's battery, drawing E joules takes the state of charge from q₀ to q₁ with  E = C · ∫_{q₁}^{q₀} U dq.  So
    ∫₀^q U dq falls on a straight line over the joules drawn, by 1 / C. The gauge's steps are the scatter; U's
    uncertainty enters as a share of its mean.
    """
    if not any(np.isfinite(one.soc).any() for one in states):
        return "the device does not know its state of charge"
    drawn, soc, stretch = _numbered([points for one in states for points in _stretches(one)])
    moved = _fall(soc, stretch)
    if moved < LEAST_SOC:
        return (
            f"the state of charge fell by {moved:.3f} in settled ticks without charger and user; it must be "
            f"{LEAST_SOC:g} at least"
        )
    per_coulomb = battery_of(cell)._replace(charge_c=np.float64(1))
    line = slope_of(drawn, energy_j(soc, per_coulomb), stretch)
    if not line.sd < -WIDEST * line.value:
        return f"over {moved:.3f} of the state of charge, its steps leave the capacity open"
    charge = -1 / line.value
    share = np.hypot(
        line.sd / line.value, cell.open_circuit_v.uncertainty / mean_voltage_v(cell.open_circuit_v)
    )
    return Capacity(charge_c=charge, sd_c=float(charge * share), soc_moved=moved)


def together(found: Sequence[Capacity]) -> Capacity:
    """Weighted by 1 / sd²; if they differ by more than their deviations allow, the deviation grows (Birge's ratio)."""
    value, weight = np.array([one.charge_c for one in found]), np.array([one.sd_c**-2.0 for one in found])
    mean = float(value @ weight / weight.sum())
    chi2 = float(weight @ (value - mean) ** 2) / max(len(found) - 1, 1)
    return Capacity(
        charge_c=mean,
        sd_c=float(weight.sum() ** -0.5) * max(1.0, chi2**0.5),
        soc_moved=sum(one.soc_moved for one in found),
    )


def _stretches(states: States) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """(M,) joules drawn and state of charge at the steps of the gauge, of each stretch without a hole."""
    good = (
        np.isfinite(states.energy_j)
        & np.isfinite(states.soc).all(axis=1)
        & (states.charging == 0).all(axis=1)
        & ~states.in_use
    )
    for rows in _runs(states, good):
        soc = np.concatenate([states.soc[rows[:1], 0], states.soc[rows, 1]])
        new = steps(soc)
        yield np.concatenate([[0.0], np.cumsum(states.energy_j[rows])])[new], soc[new]


def _numbered(
    stretches: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """All stretches one after the other, with the number of each."""
    drawn = np.concatenate([np.empty(0), *(one[0] for one in stretches)])
    soc = np.concatenate([np.empty(0), *(one[1] for one in stretches)])
    return drawn, soc, np.repeat(np.arange(len(stretches)), [len(one[0]) for one in stretches])


def _runs(states: States, good: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Rows that follow each other without a hole."""
    rows = np.flatnonzero(good)
    if not len(rows):
        return []
    hole = (np.diff(rows) > 1) | (np.abs(states.t_s[rows[1:]] - states.end_s[rows[:-1]]) > SAME_S)
    return np.split(rows, np.flatnonzero(hole) + 1)


def _fall(soc: NDArray[np.float64], stretch: NDArray[np.int64]) -> float:
    """How far it fell, over all stretches together."""
    return float(sum(np.ptp(soc[stretch == one]) for one in np.unique(stretch)))
