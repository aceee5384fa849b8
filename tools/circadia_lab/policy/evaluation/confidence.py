"""How sure a mean over training seeds is, and a difference of two arms trained with the same seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import stats

from circadia.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

LEVEL = 0.95
METHOD = "Student's t over training seeds; differences are taken seed by seed"
ENOUGH_SEEDS = 5


class Interval(NamedTuple):
    """A mean and where it may lie."""

    mean: float
    low: float
    """NaN where a single value says nothing about its spread."""
    high: float
    seeds: int


def interval(values: Sequence[float], level: float = LEVEL) -> Interval:
    """mean ± t_{n−1, (1 + level) / 2} · s / √n."""
    x = np.asarray(values, np.float64)
    if not x.size:
        raise ConfigError("an interval needs one value at least; there is none")
    mean, n = float(x.mean()), len(x)
    if n == 1:
        return Interval(mean, np.nan, np.nan, 1)
    half = float(stats.t.ppf((1 + level) / 2, n - 1) * x.std(ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half, n)


def paired(a: Sequence[float], b: Sequence[float], level: float = LEVEL) -> Interval:
    """Of a − b, value by value; `ConfigError` where they are not as many."""
    if len(a) != len(b):
        raise ConfigError(f"a paired difference needs the same seeds: there are {len(a)} and {len(b)} values")
    return interval((np.asarray(a, np.float64) - np.asarray(b, np.float64)).tolist(), level)
