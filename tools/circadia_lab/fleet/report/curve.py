"""Curves out of the results' series: finite values, steps held between readings, distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia_lab.data.day.result import DeviceResult, Series

    Values = NDArray[np.float64]


def finite(series: Series) -> tuple[Values, Values]:
    """(t_s, value) without the readings that are NaN or infinite; of a length that both have."""
    n = min(len(series.t_s), len(series.value))
    t_s, value = np.array(series.t_s[:n], float), np.array(series.value[:n], float)
    good = np.isfinite(t_s) & np.isfinite(value)
    return t_s[good], value[good]


def held(series: Series, grid_s: Values) -> Values:
    """The series at the grid's times, each reading holding until the next; NaN before the first."""
    t_s, value = finite(series)
    if not len(t_s):
        return np.full(len(grid_s), np.nan)
    place = np.searchsorted(t_s, grid_s, "right") - 1
    return np.where(place >= 0, value[np.maximum(place, 0)], np.nan)


def mean(rows: Sequence[Values]) -> Values:
    """(rows, n) → (n,) mean over the rows that are finite there; NaN where none is."""
    if not rows:
        return np.empty(0)
    stacked = np.array(rows, float)
    good = np.isfinite(stacked)
    count = good.sum(axis=0)
    total = np.where(good, stacked, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def last(series: Series) -> float:
    """The last finite value; NaN if there is none."""
    _, value = finite(series)
    return float(value[-1]) if len(value) else float("nan")


def lowest(series: Series) -> float:
    """The smallest finite value; NaN if there is none."""
    _, value = finite(series)
    return float(value.min()) if len(value) else float("nan")


def percentile(samples: Sequence[float], share: float) -> float:
    """The value that `share` of the finite samples do not exceed; NaN without samples."""
    x = np.array(samples, float)
    x = x[np.isfinite(x)]
    return float(np.quantile(x, share)) if len(x) else float("nan")


def cumulative(samples: Sequence[float], whole: float) -> tuple[Values, Values]:
    """Sorted finite samples, and the share of `whole` (a count, at least theirs) that each closes."""
    x = np.array(samples, float)
    x = np.sort(x[np.isfinite(x)])
    return x, np.arange(1, len(x) + 1) / max(whole, len(x), 1)


def staleness(devices: Sequence[DeviceResult], day_s: float) -> tuple[Values, Values]:
    """(seconds, share of the devices' time) at which the installed model was at most that old.

    Ticks are not evenly spaced: each reading counts as long as its tick lasted.
    """
    ages, weights = [], []
    for device in devices:
        t_s, age = finite(device.staleness_s)
        if len(t_s):
            ages.append(age)
            weights.append(np.maximum(np.diff(np.append(t_s, max(day_s, float(t_s[-1])))), 0))
    if not ages or not (total := float(np.concatenate(weights).sum())):
        return np.empty(0), np.empty(0)
    age, weight = np.concatenate(ages), np.concatenate(weights)
    order = np.argsort(age, kind="stable")
    return age[order], np.cumsum(weight[order]) / total


def spans(series: Series, end_s: float) -> list[tuple[float, float]]:
    """(start, end) of the stretches in which the series is above one half."""
    t_s, value = finite(series)
    found: list[tuple[float, float]] = []
    for start, stop, on in zip(
        t_s, np.append(t_s[1:], np.append(t_s, end_s).max()), value > 0.5, strict=False
    ):
        if not on:
            continue
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], float(stop))
        else:
            found.append((float(start), float(stop)))
    return found
