"""A straight line through several stretches, each with a height of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


KEPT_BY_A_LINE = 0.4
"""Of a walk's differences over a quarter of its length, when a fitted line is taken away. It is 0.72 on the average of
simulated walks; with 0.4, two deviations hold the truth for 93 % of walks of 20 to 200 points, and for more without a walk.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """y = a_stretch + value · x."""

    value: float
    sd: float
    """One standard deviation; infinite without a degree of freedom."""
    residual_sd: float
    count: int
    """Points."""


def slope_of(x: NDArray[np.float64], y: NDArray[np.float64], stretch: NDArray[np.int64]) -> Slope:
    """(N,) each, N ≥ 1, by least squares within the stretches:  b = Σ (x − x̄)(y − ȳ) / Σ (x − x̄)².

    What is left over is taken for two things: scatter of each point (variance r, a gauge's steps), and a walk whose every
    step adds to all that follow (variance q, something that drew unseen). So
    var b = (r Σ_i x_i² + q Σ_k (Σ_{i ≥ k} x_i)²) / (Σ_i x_i²)²  with x from its stretch's mean.
    """
    _, member = np.unique(stretch, return_inverse=True)
    counts = np.bincount(member)
    x = x - (np.bincount(member, x) / counts)[member]
    y = y - (np.bincount(member, y) / counts)[member]
    spread = float(x @ x)
    freedom = len(x) - len(counts) - 1
    if spread <= 0 or freedom < 1:
        return Slope(value=np.nan, sd=np.inf, residual_sd=np.inf, count=len(x))
    value = float(x @ y) / spread
    left_over = y - value * x
    scatter = float((left_over**2).sum()) / freedom
    # x sums up to 0 in each stretch: what comes later in it is minus what came before
    later = np.cumsum(x)
    variance = (scatter * spread + _walk(left_over, member) * float(later @ later)) / spread**2
    return Slope(value=value, sd=variance**0.5, residual_sd=scatter**0.5, count=len(x))


def _walk(left_over: NDArray[np.float64], member: NDArray[np.int64]) -> float:
    """Variance of a walk's step: by how much farther neighbours apart differ more than near ones.

    E (e_{i+L} − e_i)² = 2 r + L q. A fitted line takes a part of that away from a walk, which is given back.
    """
    far = max(int(np.bincount(member).max()) // 4, 2)
    near, wide = (_difference(left_over, member, lag) for lag in (1, far))
    return max(wide - near, 0.0) / (far - 1) / KEPT_BY_A_LINE


def _difference(left_over: NDArray[np.float64], member: NDArray[np.int64], lag: int) -> float:
    """Mean square between points of a stretch that are `lag` apart; 0 without any."""
    within = member[lag:] == member[:-lag]
    apart = (left_over[lag:] - left_over[:-lag])[within]
    return float((apart**2).mean()) if len(apart) else 0.0


def steps(soc: NDArray[np.float64]) -> NDArray[np.int64]:
    """Places at which a gauge shows a new value, the first one left out: between two steps it says nothing new."""
    return np.flatnonzero(np.diff(soc) != 0) + 1
