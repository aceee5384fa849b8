"""Two arms of a field test, pair by pair: by how much one draws less, and whether that could be chance.

For each pair  d = ln(b / a). The change is exp(mean d) − 1. The test flips the signs of the d: which arm came first was
drawn, so under the hypothesis of no difference every pattern of signs was as likely (randomisation test). The interval is
of Student's t over the d.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from circadia.errors import ConfigError
from circadia_lab.field.sample_size import LEAST_PAIRS

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

RESAMPLES = 9999
"""Beyond 13 pairs sign patterns are drawn, below all are tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Of arm b with arm a."""

    pairs: int
    change: float
    """−0.3: b draws 30 % less."""
    low: float
    high: float
    """95 % interval of `change`."""
    p: float
    """Of the randomisation test, two-sided."""

    @property
    def seen(self) -> bool:
        """Whether interval and test agree that there is a difference."""
        return self.p <= 0.05 and not self.low <= 0 <= self.high


def compare(a: ArrayLike, b: ArrayLike, *, seed: int = 0) -> Comparison:
    """(n,) joules, hours⁻¹ or anything positive of each arm's period of every pair. `ConfigError` for fewer than six."""
    first, second = (_positive(name, values) for name, values in (("a", a), ("b", b)))
    if len(first) != len(second):
        raise ConfigError(f"arms have {len(first)} and {len(second)} periods; every pair needs one of each")
    if len(first) < LEAST_PAIRS:
        raise ConfigError(f"{len(first)} pairs; fewer than {LEAST_PAIRS} cannot show anything at 5 %")
    d = np.log(second / first)
    n, mean = len(d), float(d.mean())
    half = float(stats.t.ppf(0.975, n - 1)) * float(d.std(ddof=1)) / math.sqrt(n)
    return Comparison(
        pairs=n,
        change=math.expm1(mean),
        low=math.expm1(mean - half),
        high=math.expm1(mean + half),
        p=_randomisation_p(d, seed),
    )


def _positive(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, float)
    if array.ndim != 1 or not (np.isfinite(array).all() and (array > 0).all()):
        raise ConfigError(f"arm {name}: every period needs one figure above 0")
    return array


def _randomisation_p(d: NDArray[np.float64], seed: int) -> float:
    if np.ptp(d) == 0 and d[0] == 0:
        return 1.0
    found: Any = stats.permutation_test(
        (d,),
        lambda x, axis: np.mean(x, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def equivalent(a: ArrayLike, b: ArrayLike, margin: float) -> bool:
    """Whether b is within ± `margin` (a share) of a: the 90 % interval lies inside (two one-sided tests, 5 % each)."""
    if not 0 < margin < 1:
        raise ConfigError(f"margin is {margin:g}; it must lie between 0 and 1")
    d = np.log(_positive("b", b) / _positive("a", a))
    half = float(stats.t.ppf(0.95, len(d) - 1)) * float(d.std(ddof=1)) / math.sqrt(len(d))
    mean = float(d.mean())
    return math.log1p(-margin) < mean - half and mean + half < math.log1p(margin)
