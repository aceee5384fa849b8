"""How well a profile foretells ticks that it was not fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.types import Load
from circadia_lab.measure.calibration.power_fit import rested_s
from circadia_lab.measure.joules.joules import Estimate, with_intervals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.energy.profile import DeviceProfile
    from circadia_field.ticks import Ticks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Foretold:
    """N ticks, tick by tick and together."""

    measured_j: NDArray[np.float64]
    """(N,) or simulated: as the ticks' source says."""
    foretold_j: NDArray[np.float64]
    before_j: NDArray[np.float64]
    """By the profile as it was."""
    total_error: Estimate
    """(Σ foretold − Σ measured) / Σ measured, with a 95 % interval."""
    before_error: Estimate
    r2: float
    """Of the joules one by one: 1 − Σ (foretold − measured)² / Σ (measured − mean)²; NaN if all are equal."""
    before_r2: float

    @property
    def count(self) -> int:
        """N."""
        return len(self.measured_j)


def foretell(ticks: Ticks, fitted: DeviceProfile, begun: DeviceProfile, *, seed: int = 0) -> Foretold:
    """The interval is a block bootstrap's: whole stretches of ticks are drawn again."""
    measured = ticks.energy_j
    foretold, before = (
        rested_s(ticks, profile) @ np.array([profile.power_w(load) for load in Load])
        for profile in (fitted, begun)
    )

    def statistic(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        whole = measured[rows].sum()
        return np.array([foretold[rows].sum() / whole - 1, before[rows].sum() / whole - 1])

    total, earlier = with_intervals(statistic, foretold - measured, seed)
    return Foretold(
        measured_j=measured,
        foretold_j=foretold,
        before_j=before,
        total_error=total,
        before_error=earlier,
        r2=_r2(measured, foretold),
        before_r2=_r2(measured, before),
    )


def _r2(measured: NDArray[np.float64], foretold: NDArray[np.float64]) -> float:
    spread = float(((measured - measured.mean()) ** 2).sum())
    return 1 - float(((measured - foretold) ** 2).sum()) / spread if spread else np.nan
