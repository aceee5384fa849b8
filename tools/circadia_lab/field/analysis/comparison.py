"""Two arms of a field test, pair by pair: by how much one draws less, whether that could be chance, what else differs.

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
from circadia_field.plan import LEAST_PAIRS

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Z95 = float(stats.norm.ppf(0.975))
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

    def widened(self, deviation: float) -> tuple[float, float]:
        """The interval if ln(b / a) can be off by that besides, one deviation, and does not average out."""
        mean = math.log1p(self.change)
        half = math.hypot((math.log1p(self.high) - math.log1p(self.low)) / 2, Z95 * deviation)
        return math.expm1(mean - half), math.expm1(mean + half)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Whether arm b keeps what arm a gives, within a margin: two one-sided tests, 5 % each."""

    difference: float
    """Mean of b − a; as a share of a's mean if the margin is one."""
    low: float
    high: float
    """90 % interval."""
    margin: float
    verdict: str
    """`equal`: the interval lies inside of ± margin; `better`, `worse`: beyond it on one side, wholly or not inside;
    `unsure`: too wide to say."""

    @property
    def kept(self) -> bool:
        """Whether b is not worse by more than the margin."""
        return self.verdict in {EQUAL, BETTER}


EQUAL, BETTER, WORSE, UNSURE = "equal", "better", "worse", "unsure"


def balance(a: ArrayLike, b: ArrayLike, margin: float, *, relative: bool, more_is_better: bool) -> Balance:
    """(n,) figures of each arm's period of every pair, n ≥ 2."""
    if not 0 < margin < 1:
        raise ConfigError(f"margin is {margin:g}; it must lie between 0 and 1")
    first, second = np.asarray(a, float), np.asarray(b, float)
    scale = abs(float(first.mean())) if relative else 1.0
    d = second - first
    if not d.any():
        return Balance(difference=0.0, low=0.0, high=0.0, margin=margin, verdict=EQUAL)
    d = d / max(scale, 1e-12)
    half = float(stats.t.ppf(0.95, len(d) - 1)) * float(d.std(ddof=1)) / math.sqrt(len(d))
    mean = float(d.mean())
    low, high = mean - half, mean + half
    good = (-high, -low) if not more_is_better else (low, high)
    return Balance(difference=mean, low=low, high=high, margin=margin, verdict=_verdict(*good, margin))


def _verdict(low: float, high: float, margin: float) -> str:
    """Of an interval in which more is better."""
    if low > -margin:
        return EQUAL if high < margin else BETTER
    return WORSE if high < 0 else UNSURE
