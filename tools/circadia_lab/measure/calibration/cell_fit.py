"""A battery's voltage curve and internal resistance out of discharges.

    V = U(q) − R · I,    U linear between the profile's points and never falling

With U's first point and its rises as unknowns, all of them and R are ≥ 0: non-negative least squares. Intervals come from
blocks of what is left over, drawn again and laid upon the fit (residual bootstrap), for a discharge passes each state
of charge only once. How far the states of charge may be off enters by U's slope.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import nnls

from circadia.energy.profile import Curve, Quantity
from circadia_lab.measure.calibration.power_fit import DEVIATIONS
from circadia_lab.measure.joules.joules import with_intervals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia.energy.profile import Cell
    from circadia_lab.measure.calibration.discharge import Discharge

COVERED = 0.5
"""Share of the stretch between two points that a discharge must pass for it to count."""
WIDEST = 0.5
"""A resistance that is left open by more than this share (one standard deviation) is not found."""
STILL = 1e-3
"""A current whose own part, apart from what the state of charge explains, is a smaller share of it stands still."""
LEAST_SD_V, LEAST_SD_OHM = 1e-4, 1e-5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellFit:
    """What the discharges tell of a cell; None with a reason for what they do not."""

    curve: Curve | None
    curve_reason: str
    found: NDArray[np.bool_]
    """(points,) those that the discharges told; the others are as they were, moved only as far as the curve must rise."""
    sd_v: NDArray[np.float64]
    """(points,) NaN where not found."""
    resistance: Quantity | None
    resistance_reason: str
    left_over_v: float
    """Root of the mean square of V − U(q) + R · I."""


def fit_cell(discharges: Sequence[Discharge], cell: Cell, source: str, *, seed: int = 0) -> CellFit:
    """`source` is what the found quantities say of themselves. Needs a discharge at least."""
    q = np.concatenate([one.soc for one in discharges])
    volts = np.concatenate([one.flow.voltage_v for one in discharges])
    amperes = np.concatenate([one.flow.current_a for one in discharges])
    grid = np.array(cell.open_circuit_v.soc)
    passed = _passed(q, grid)
    found = np.append(passed, False) | np.insert(passed, 0, False)
    if not found.any():
        why = "no discharge passed half of the way between two of its points"
        return _nothing(len(grid), why)
    rows = passed[_segment(q, grid)]
    rises, volts, amperes = _rises(q[rows], grid, found), volts[rows], amperes[rows]
    known = cell.internal_resistance_ohm
    points, sd, ohm, ohm_sd, left_over = _with_resistance(rises, volts, amperes, seed)
    told = ohm > 0 and ohm_sd <= WIDEST * ohm
    if not told:
        points, sd, left_over = _without_resistance(rises, volts + known.value * amperes, seed)
        sd = np.hypot(sd, known.uncertainty * abs(float(amperes.mean())))
    slope = np.gradient(points, grid[found])
    sd_v = np.full(len(grid), np.nan)
    sd_v[found] = np.hypot(np.maximum(sd, LEAST_SD_V), slope * max(one.soc_sd for one in discharges))
    return CellFit(
        curve=_curve(cell.open_circuit_v, found, points, sd_v, source),
        curve_reason="",
        found=found,
        sd_v=sd_v,
        resistance=Quantity(value=ohm, uncertainty=max(ohm_sd, LEAST_SD_OHM), source=source)
        if told
        else None,
        resistance_reason="" if told else _untold(ohm, ohm_sd),
        left_over_v=float(np.sqrt((left_over**2).mean())),
    )


def _untold(ohm: float, sd: float) -> str:
    if not np.isfinite(sd):
        return "the current hardly varied at the same state of charge"
    if ohm > 0:
        return f"{ohm:.2g} ± {sd:.2g} Ω leaves it open; a current that varies more would tell it"
    return "the voltage did not fall when the current rose; is the meter at the battery's leads?"


def terminal_error_v(discharge: Discharge, cell: Cell) -> NDArray[np.float64]:
    """(N,) foretold minus recorded volts:  U(q) − R · I − V."""
    curve = cell.open_circuit_v
    error: NDArray[np.float64] = (
        np.interp(discharge.soc, curve.soc, curve.value)
        - cell.internal_resistance_ohm.value * discharge.flow.current_a
        - discharge.flow.voltage_v
    )
    return error


def _nothing(points: int, why: str) -> CellFit:
    return CellFit(
        curve=None,
        curve_reason=why,
        found=np.zeros(points, bool),
        sd_v=np.full(points, np.nan),
        resistance=None,
        resistance_reason=why,
        left_over_v=np.nan,
    )


def _segment(q: NDArray[np.float64], grid: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.clip(np.searchsorted(grid, q, side="right") - 1, 0, len(grid) - 2)


def _passed(q: NDArray[np.float64], grid: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(points − 1,) stretches of the curve of which the rows pass enough."""
    segment = _segment(q, grid)
    found = np.zeros(len(grid) - 1, bool)
    for place in np.unique(segment):
        found[place] = np.ptp(q[segment == place]) >= COVERED * (grid[place + 1] - grid[place])
    return found


def _rises(
    q: NDArray[np.float64], grid: NDArray[np.float64], found: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(N, found points) what one volt more at a point and all above it adds at q: 1, then the ramps up to 1."""
    places = grid[found]
    ramps = [np.clip((q - low) / (high - low), 0, 1) for low, high in pairwise(places)]
    return np.stack([np.ones_like(q), *ramps], axis=1)


def _with_resistance(
    rises: NDArray[np.float64], volts: NDArray[np.float64], amperes: NDArray[np.float64], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float, NDArray[np.float64]]:
    """Points, their deviations, R and its deviation (R is 0 if it cannot be told), what is left over."""
    own = amperes - rises @ np.linalg.lstsq(rises, amperes, rcond=None)[0]
    if float(np.abs(own).max()) <= STILL * float(np.abs(amperes).max()):
        return np.empty(0), np.empty(0), 0.0, np.inf, np.empty(0)
    values, sd, left_over = _solved(np.column_stack([rises, -amperes]), volts, rises.shape[1], seed)
    return values[:-1], sd[:-1], float(values[-1]), float(sd[-1]), left_over


def _without_resistance(
    rises: NDArray[np.float64], open_circuit: NDArray[np.float64], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    return _solved(rises, open_circuit, rises.shape[1], seed)


def _solved(
    design: NDArray[np.float64], target: NDArray[np.float64], points: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Solution with the rises summed up to points, one deviation of each, and what is left over."""
    basis, upper = np.linalg.qr(design)
    left_over = target - design @ nnls(upper, basis.T @ target)[0]
    fitted = target - left_over

    def statistic(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        solution = nnls(upper, basis.T @ (fitted + left_over[rows]))[0]
        return np.concatenate([np.cumsum(solution[:points]), solution[points:]])

    found = with_intervals(statistic, left_over, seed)
    values = np.array([one.mean for one in found])
    sd = np.array([(one.high - one.low) / (2 * DEVIATIONS) for one in found])
    return values, sd, left_over


def _curve(
    before: Curve,
    found: NDArray[np.bool_],
    points: NDArray[np.float64],
    sd_v: NDArray[np.float64],
    source: str,
) -> Curve:
    """Points that were not found keep their volts as far as the curve rises; then its uncertainty stays, too."""
    value = np.array(before.value)
    value[found] = points
    lowest = np.maximum.accumulate(np.where(found, value, -np.inf))
    highest = np.minimum.accumulate(np.where(found, value, np.inf)[::-1])[::-1]
    value = np.clip(value, lowest, highest)
    uncertainty = float(np.nanmax(sd_v))
    if not found.all():
        told = ", ".join(f"{soc:g}" for soc in np.array(before.soc)[found])
        source = f"{source}; found at {told}, elsewhere as it was: {before.source}"
        uncertainty = max(uncertainty, before.uncertainty)
    return Curve(soc=before.soc, value=tuple(map(float, value)), uncertainty=uncertainty, source=source)
